"""What texts of a character card may not do in the program that opens it: run, or fetch from elsewhere."""

import html
import re
from typing import Any, NoReturn

from assets.inspectors.base import refused, shown_name
from marketplace.ui.words import gettext_noop as _

# Elements that run, embed or steer; addresses that run, also with blanks between their letters.
_ACTIVE = re.compile(
    r"<[\s/]{0,8}(?:script|iframe|object|embed|applet|frame|frameset|link|meta|base|form|svg|math|style)\b"
    r"|<\?php|<!doctype|\bsrcdoc\s*=|data\s*:\s*(?:text/html|image/svg|application/|text/javascript)"
    r"|j\s{0,4}a\s{0,4}v\s{0,4}a\s{0,4}s\s{0,4}c\s{0,4}r\s{0,4}i\s{0,4}p\s{0,4}t\s{0,4}:|vbscript\s*:|livescript\s*:",
    re.IGNORECASE,
)
# Event handlers, when the text has any element: on…= with the names that HTML knows.
_ELEMENT = re.compile(r"<\s*[a-zA-Z!/]")
_HANDLER = re.compile(
    r"[\s\"'/`]on(?:abort|animation\w{1,12}|auxclick|before\w{1,12}|after\w{1,8}|blur|cancel|canplay\w{0,8}|change"
    r"|click|close|contextmenu|copy|cut|dblclick|drag\w{0,6}|drop|ended|error|focus\w{0,4}|form\w{1,8}|hashchange"
    r"|input|invalid|key\w{2,6}|load\w{0,8}|message\w{0,6}|mouse\w{2,8}|offline|online|open|page\w{4}|paste|pause"
    r"|play\w{0,4}|pointer\w{2,14}|popstate|progress|ratechange|reset|resize|scroll\w{0,4}|search|seek\w{2,4}|select\w{0,6}"
    r"|show|stalled|storage|submit|suspend|timeupdate|toggle|touch\w{3,6}|transition\w{3,6}|unload|volumechange"
    r"|waiting|start|finish|bounce|begin|end|repeat|webkit\w{1,24}|wheel)\s*=",
    re.IGNORECASE,
)
# Where an address begins that leads elsewhere; browsers take a backslash for a slash, and one slash for two.
_AWAY = r"\s{0,8}(?:(?:https?|ftp|file|blob|wss?|ipfs)\s{0,2}:|[\\/][\\/])"
_TAG = r"<\s*(?:img|image|video|audio|source|track|input|body|table|th|td|tr|div|span|picture|a|area)\b"
_INSIDE_TAG = r"(?:[^<>]{0,2000}?|(?:[^<>\"']|\"[^\"]{0,1000}\"|'[^']{0,1000}'){0,400}?)"
_FETCHED = re.compile(
    r"!\[(?:[^\[\]]|\[[^\[\]]{0,100}\]){0,500}\]\(\s{0,8}<?" + _AWAY + r"|" + _TAG + _INSIDE_TAG
    + r"(?:src|srcset|poster|background|data|ping)\s*=\s*[\"'`]?" + _AWAY
    + r"|(?:url|image-set)\(\s{0,8}[\"']?" + _AWAY + r"|@import\b"
    + r"|\{\{\s*(?:asset|img|image|raw|path|emotion|audio|video|bg|bgm)\s*::" + _AWAY,
    re.IGNORECASE,
)  # fmt: skip
# A picture by reference, and where the reference leads (CommonMark, 4.7).
_REFERENCE = re.compile(r"^[ >]{0,8}\[[^\[\]]{1,200}\]:\s{0,8}<?" + _AWAY, re.IGNORECASE | re.MULTILINE)
_STYLE_ESCAPE = re.compile(r"\\([0-9a-f]{1,6})\s?", re.IGNORECASE)
# Where programs that open cards keep what they run: patterns that rewrite, triggers, HTML behind the chat.
_SCRIPT_KEYS = {
    "regexscripts", "customscripts", "triggerscript", "triggerscripts", "virtualscript", "tavernhelper",
    "tavernhelperscripts", "scripts", "script", "code", "javascript", "js", "lua", "python", "backgroundhtml",
    "quickreplies", "quickreply", "slashcommands", "eval", "onload", "css", "customcss", "customhtml", "lowlevelaccess",
}  # fmt: skip
_FETCHED_KEYS = re.compile(
    r"image|avatar|background|sprite|audio|music|video|thumbnail|expression|voice|model|asset", re.I
)
_ADDRESS = re.compile(r"\s*(?:(?:https?|ftp|file|blob|wss?|ipfs):|//)", re.IGNORECASE)
_FETCHED_ENDING = re.compile(
    r"\.(png|jpe?g|gif|webp|avif|svg|bmp|mp3|ogg|wav|flac|m4a|mp4|webm|mov|m?js|wasm|css|html?|json|zip|charx|vrm|glb"
    r"|safetensors|ckpt|pt)(\?|#|\s*\Z)",
    re.IGNORECASE,
)


def refuse_active(value: Any) -> None:
    """Refuse a card, the whole of its JSON, that holds a script or an asset from elsewhere; name the place."""
    _walk(value, "", extension=False)


def _walk(value: Any, place: str, *, extension: bool, fetched: bool = False) -> None:
    """Refuse what `value` holds; `fetched` when its key, or that of a list it is in, is one for pictures or sounds."""
    if isinstance(value, str):
        if fetched and _ADDRESS.match(value):
            _refuse_fetched(place, value)
        _check(value, place, extension=extension)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _walk(item, f"{place}[{index}]", extension=extension, fetched=fetched)
    elif isinstance(value, dict):
        for key, item in value.items():
            inner = f"{place}.{shown_name(key, 40)}" if place else shown_name(key, 40)
            if re.fullmatch(r"data\.assets\[\d+\]\.uri", inner):
                continue
            if item and re.sub(r"[\W_]", "", key).casefold() in _SCRIPT_KEYS:
                _refuse_script(inner)
            _check(key, inner, extension=False)
            fetched = bool(_FETCHED_KEYS.search(key))
            _walk(item, inner, extension=extension or key == "extensions", fetched=fetched)


def _check(text: str, place: str, *, extension: bool) -> None:
    plain = html.unescape(text) if "&" in text else text
    if _ACTIVE.search(plain) or (_ELEMENT.search(plain) and _HANDLER.search(plain)):
        _refuse_script(place)
    if "\\" in plain and "style" in plain:
        plain += _STYLE_ESCAPE.sub(_unescaped, plain)
    if _FETCHED.search(plain) or ("![" in plain and _REFERENCE.search(plain)):
        _refuse_fetched(place, text)
    if extension and _ADDRESS.match(plain) and _FETCHED_ENDING.search(plain):
        _refuse_fetched(place, text)


def _unescaped(escape: re.Match[str]) -> str:
    code = int(escape[1], 16)
    return chr(code) if code < 0x110000 else "\ufffd"


def _refuse_script(place: str) -> NoReturn:
    template = _("%(place)s holds a script or something that runs in a page; a card may hold text alone, take it out.")
    raise refused("card-script", template, place, place=place)


def _refuse_fetched(place: str, text: str) -> NoReturn:
    template = _("%(place)s fetches something from elsewhere; put it into the card, or take it out.")
    raise refused("card-remote-asset", template, place, place=place)
