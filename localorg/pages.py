"""The frame of the org's own HTML pages, and its front page."""

from html import escape

_STYLE = """
:root{color-scheme:light dark}*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:#f3f3f3;font:16px/1.45 system-ui,sans-serif;color:#181818}
main{width:min(24rem,calc(100vw - 2rem));background:#fff;border-radius:.75rem;padding:2rem;box-shadow:0 2px 14px #0002}
h1{font-size:1.25rem;margin:0 0 .25rem}p{margin:.25rem 0 1rem;color:#444}.mark{display:flex;gap:.6rem;align-items:center;margin-bottom:1.25rem;font-weight:600}
.mark span{width:2rem;height:2rem;border-radius:50%;background:#0b5cab;display:grid;place-items:center;color:#fff;font-size:.9rem}
label{display:block;font-size:.85rem;margin:.75rem 0 .25rem}input{width:100%;padding:.7rem;border:1px solid #aaa;border-radius:.4rem;font:inherit;background:inherit;color:inherit}
button{width:100%;padding:.75rem;border:1px solid #0b5cab;border-radius:.4rem;font:inherit;font-weight:600;cursor:pointer;margin-top:1rem;background:#0b5cab;color:#fff}
ol{padding-left:0;list-style:none}ol code{font-size:.8rem;overflow-wrap:anywhere}ol p{margin:.1rem 0 .1rem .75rem;font-size:.85rem;overflow-wrap:anywhere}
button.plain{background:transparent;color:#0b5cab}ul{padding-left:1.2rem}select{width:100%;padding:.7rem;border:1px solid #aaa;border-radius:.4rem;font:inherit}form{margin-bottom:1.5rem}textarea{width:100%;padding:.7rem;border:1px solid #aaa;border-radius:.4rem;font:inherit;background:inherit;color:inherit}
h2{font-size:1rem;margin:1.25rem 0 .25rem}.box{display:flex;gap:.5rem;align-items:start}.box input{width:auto;margin-top:.25rem}pre{overflow:auto}.error{color:#b3261e;font-weight:600}small{display:block;margin-top:1.25rem;color:#666}
@media(prefers-color-scheme:dark){body{background:#111;color:#eee}main{background:#1d1d1f}p,small{color:#bbb}button.plain{color:#8cc2ff}}
"""


def start() -> str:
    """The front page."""
    return page(
        "Local Org",
        "<h1>A Salesforce org on your machine</h1><p>OAuth under <code>/services/oauth2/</code>, REST under <code>/services/data/</code>, "
        'faults and counters on <a href="/localorg">the control page</a>.</p>',
    )


def page(title: str, body: str) -> str:
    """A whole HTML page. `title` is plain text, `body` is HTML."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main><div class="mark"><span>LO</span>Local Org</div>{body}</main></body></html>'
    )
