"""The look of every page: one style sheet, carried within the page, light or dark as the reader's system is."""

STYLE = """
:root { color-scheme: light dark; --fonts: system-ui, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "Noto Sans Arabic",
  "Noto Sans Hebrew", sans-serif; --ink: #111827; --quiet: #4b5563; --line: #d1d5db; --paper: #ffffff; --panel: #f3f4f6; --link: #0b57a4;
  --good: #15803d; --warn: #a15c00; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5e7eb; --quiet: #a8b0bd; --line: #374151; --paper: #0f141b; --panel: #1a212b; --link:
  #7ab7f5; --good: #4ade80; --warn: #f5b748; --bad: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; background: var(--paper); color: var(--ink); font: 15px/1.5 var(--fonts); }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .3rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
p { margin: .4rem 0; max-width: 60rem; }
a { color: var(--link); }
.quiet, figcaption { color: var(--quiet); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: .8rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--quiet); padding-bottom: .3rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--quiet); font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td { overflow-wrap: break-word; max-width: 26rem; }
h1, h2, h3, p, td, th, dd, figcaption, blockquote, pre, svg text { unicode-bidi: plaintext; }
.facts { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1rem 0; padding: 0; }
.facts div { background: var(--panel); border-radius: .5rem; padding: .6rem 1rem; min-width: 7rem; }
.facts dt { color: var(--quiet); font-size: .85rem; }
.facts dd { margin: 0; font-size: 1.35rem; font-weight: 600; }
.gallery { display: flex; flex-wrap: wrap; gap: .8rem; margin: .6rem 0; }
.pairs { display: flex; flex-wrap: wrap; gap: 0 2.5rem; }
.gallery figure { margin: 0; width: 10rem; }
figure.plot { margin: .8rem 0; max-width: 46rem; }
.gallery img { max-width: 100%; height: 7rem; object-fit: contain; display: block; background: var(--panel); border: 1px solid var(--line);
  border-radius: .3rem; width: 100%; }
.gallery .tiny { image-rendering: pixelated; }
figcaption { font-size: .82rem; overflow-wrap: anywhere; }
.gallery blockquote { margin: 0; height: 7rem; overflow: hidden; background: var(--panel); border-radius: .3rem; padding: .4rem; font:
  .72rem/1.35 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
svg { width: 100%; height: auto; }
svg text { fill: var(--ink); font: 12px var(--fonts); }
svg .label { fill: var(--quiet); }
svg .grid { stroke: var(--line); stroke-width: 1; }
.good { color: var(--good); }
.warn { color: var(--warn); }
.bad { color: var(--bad); }
.note { border-left: .3rem solid var(--line); padding: .3rem .8rem; margin: .6rem 0; background: var(--panel); }
.note.bad { border-color: var(--bad); }
.note.warn { border-color: var(--warn); }
.note.good { border-color: var(--good); }
pre { background: var(--panel); padding: .7rem; overflow-x: auto; }
"""
