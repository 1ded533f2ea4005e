"""A text that may hold addresses in; the same text without the user names and passwords of those, out."""

import re

_USER = re.compile(r"(?<=://)[^/\s'\"?#]*@")  # up to the last @ before the host
_PARAMETER = re.compile(r"([?&](?:password|sslpassword|token|access_token|api_key|secret)=)[^&\s'\")]*", re.IGNORECASE)


def without_credentials(text: str) -> str:
    """`postgresql://user:word@host/db?password=x` becomes `postgresql://host/db?password=`: for logs, pages and messages."""
    return _PARAMETER.sub(r"\1", _USER.sub("", text))


def tells_credentials(error: BaseException) -> bool:
    """Whether an error, or one that it came from, says a user name or password of an address."""
    found: BaseException | None = error
    while found is not None:
        if without_credentials(str(found)) != str(found):
            return True
        found = found.__cause__ or found.__context__
    return False
