"""What a training run is asked to do: a frozen, validated value read from a preset file."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from unified_assets.core.contracts import Needs
from unified_assets.core.errors import InvalidSetting

Channel = Literal["teaching", "vectors", "encoders"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)


def _channels(value: object) -> object:
    """`true` is all channels and `false` none; a list is put in a fixed order."""
    if isinstance(value, bool):
        return CHANNELS if value else ()
    known = isinstance(value, (list, tuple)) and set(map(str, value)) <= set(CHANNELS)
    return tuple(channel for channel in CHANNELS if channel in value) if known and isinstance(value, (list, tuple)) else value


class NeedsOverride(BaseModel):
    """Replaces what a model's spec says it needs; a field left out keeps the spec's value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_cores: int | None = Field(None, ge=1, description="Cores without which no round starts.")
    max_cores: int | None = Field(None, ge=1, description="Cores beyond which more do not help.")
    memory_gib: float | None = Field(None, gt=0, description="Memory of the step's whole life, in GiB.")
    gpu_memory_gib: float | None = Field(None, gt=0, description="GPU memory of a round, CUDA context included, in GiB.")

    def applied(self, needs: Needs) -> Needs:
        """`needs` with the fields given here replaced."""
        given = {name: value for name, value in self.model_dump().items() if value is not None}
        return Needs(**{**vars(needs), **given})


class Preset(BaseModel):
    """One way to train. Every field has a default, so that a preset file says only what it changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("unnamed", min_length=1, description="Name of the preset and of its Dagster job.")
    description: str = Field("", description="One sentence for people.")
    epochs: int = Field(10, ge=1, le=100_000, description="Passes over the train side of a model's tasks.")
    batch_size: int = Field(32, ge=1, le=65_536, description="Examples of one task in a step.")
    checkpoint_interval: int = Field(2, ge=1, description="Epochs in a round: what is leased, checkpointed, exchanged and resumed.")
    target_models: Literal["all"] | tuple[str, ...] = Field("all", description="`all`, or the names of the models to train.")
    datasets: Literal["all"] | tuple[str, ...] = Field("all", description="`all`, or patterns (`*`, `?`) of task names to learn.")
    seed: int = Field(7, ge=0, lt=2**31, description="Everything random in the run follows from it.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto` takes a GPU where one can hold the model.")
    priority: Mapping[str, int] = Field(default_factory=dict, description="Model to rank in the queue; higher goes first, default 0.")
    needs: Mapping[str, NeedsOverride] = Field(default_factory=dict, description="Model to what replaces its spec's needs.")
    exchange: Annotated[tuple[Channel, ...], BeforeValidator(_channels)] = Field(
        CHANNELS,
        description="What models share: `teaching` (answers on pairs of files), `vectors` (of words), `encoders` (of media). true: all, false: none.",
    )
    ablation_seeds: int = Field(
        0, ge=0, le=20, description="Seeds over which a model is trained without exchange, with each channel and with all, to show what each gave; 0: none."
    )
    trials: int = Field(0, ge=0, le=1000, description="Trials of learning rate and batch size, each of some rounds, before a model trains; 0: none.")
    start_from: Literal["champion", "scratch"] = Field("champion", description="Weights a retraining starts from.")
    max_steps_per_epoch: int = Field(400, ge=1, description="Most steps of one model in an epoch; tasks share them by the root of their size.")
    min_steps_per_epoch: int = Field(20, ge=1, description="Fewest steps of one model in an epoch, so that few files are still learned from.")
    epoch_steps: Mapping[str, tuple[int, int]] = Field(default_factory=dict, description="Model to [fewest, most] steps in an epoch, in place of both above.")
    patience: int | None = Field(None, ge=1, description="Rounds without a better validation score before a model stops; none: never.")
    learning_rate: Mapping[str, float] = Field(default_factory=dict, description="Model to learning rate; default: its spec's.")
    minutes: float | None = Field(None, gt=0, description="Training time of a model after which it starts no further round; none: no limit.")
    refit: bool = Field(True, description="Whether the best weights go on after the last round, for an eighth more steps, on train and validation rows.")
    ema: bool = Field(True, description="Whether weights are averaged over steps (an exponential moving average) before they are scored.")
    pretrained_text: str | None = Field(
        None,
        min_length=1,
        description="Folder, or name on the Hugging Face hub, of a sentence encoder whose frozen vectors text models add to their features; none: without.",
    )
    pretrained_layers: int = Field(
        0, ge=0, le=48, description="Last layers of the text encoder that are learned on with the model, at a low rate; 0: all of it is frozen."
    )
    pretrained_image: str | None = Field(
        None,
        min_length=1,
        description="Folder, or name on the Hugging Face hub, of an image encoder whose frozen vectors media models add to linear classifiers; none: without.",
    )
    disk_floor_gib: float | None = Field(None, ge=0, description="Training pauses while less is free, in GiB; none: the setting of that name.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.checkpoint_interval > self.epochs:
            raise ValueError(f"checkpoint_interval {self.checkpoint_interval} is longer than epochs {self.epochs}")
        if self.min_steps_per_epoch > self.max_steps_per_epoch:
            raise ValueError(f"min_steps_per_epoch {self.min_steps_per_epoch} is more than max_steps_per_epoch {self.max_steps_per_epoch}")
        if self.pretrained_layers and self.pretrained_text is None:
            raise ValueError(f"pretrained_layers is {self.pretrained_layers}, but pretrained_text names no encoder")
        if self.target_models != "all" and not self.target_models:
            raise ValueError("target_models is empty: name at least one model, or write `all`")
        wrong = sorted(name for name, (fewest, most) in self.epoch_steps.items() if not 1 <= fewest <= most)
        if wrong:
            raise ValueError(f"epoch_steps of {', '.join(wrong)} is not [fewest, most] with 1 <= fewest <= most")
        bad = sorted(name for name, rate in self.learning_rate.items() if not 0 < rate < 1)
        if bad:
            raise ValueError(f"learning_rate of {', '.join(bad)} is not between 0 and 1")
        return self

    def learning(self) -> dict[str, Any]:
        """The fields that decide what is learned: two presets that agree in them train the same model from the same data."""
        return self.model_dump(mode="json", exclude={"name", "description", "priority", "disk_floor_gib"})

    @property
    def rounds(self) -> int:
        """Rounds of a whole training; the last one may be shorter."""
        return -(-self.epochs // self.checkpoint_interval)

    def epochs_of(self, round_index: int) -> int:
        """Epochs of a round; the first is round 1."""
        return min(self.checkpoint_interval, self.epochs - (round_index - 1) * self.checkpoint_interval)

    def step_bounds(self, model: str) -> tuple[int, int]:
        """Fewest and most steps of a model in an epoch."""
        return self.epoch_steps.get(model, (self.min_steps_per_epoch, self.max_steps_per_epoch))

    def models(self, known: Sequence[str]) -> tuple[str, ...]:
        """The names to train, in order. Raises InvalidSetting for one that is not registered."""
        named = {*self.priority, *self.needs, *self.learning_rate, *self.epoch_steps}
        names = named if self.target_models == "all" else {*named, *self.target_models}
        for name in sorted(names - set(known)):
            raise InvalidSetting(
                source=f"preset {self.name}", field="target_models", value=name, problem="no such model", fix=f"Known models: {', '.join(sorted(known))}."
            )
        return tuple(sorted(known if self.target_models == "all" else set(self.target_models)))


def parse_preset(values: object, *, source: str) -> Preset:
    """A preset from the content of a preset file. Raises InvalidSetting with the field and what to do."""
    if not isinstance(values, dict):
        raise InvalidSetting(source=source, field="(all)", value=values, problem="not a mapping of fields", fix=_known_fields())
    try:
        return Preset.model_validate(_tuples(values))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"] if part not in {"literal['all']", "tuple[str, ...]"}) or "(all)"
        fix = _known_fields() if first["type"] == "extra_forbidden" else _fix_of(field)
        raise InvalidSetting(source=source, field=field, value=first["input"], problem=first["msg"].lower(), fix=fix) from error


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def _known_fields() -> str:
    return f"Fields of a preset: {', '.join(sorted(Preset.model_fields))}."


def _fix_of(field: str) -> str:
    known = Preset.model_fields.get(field.split(".", maxsplit=1)[0])
    return f"It means: {known.description}" if known is not None else "Change one of them."
