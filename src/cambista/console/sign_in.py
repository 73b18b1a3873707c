"""The sign-in page: plain markup without a line of script, so that nothing of the desk loads before a key is shown."""

from html import escape

from cambista.console.texts import Language, texts

MARK = (
    '<svg class="mark" viewBox="0 0 40 40" aria-hidden="true"><circle cx="20" cy="20" r="18.5"/>'
    '<path d="M9 16h19l-5-5M31 24H12l5 5"/></svg>'
)


def sign_in_page(language: Language, *, root: str, house: str, message: str = "") -> str:
    """The whole page; `root` is the console's path, `message` what went wrong before (already in that language)."""
    words = texts(language)
    notice = f'<p class="refusal" role="alert">{escape(message)}</p>' if message else ""
    switch = "".join(
        f'<a href="{escape(root)}/sign-in?lang={each.value}" lang="{each.value}"'
        f"{' aria-current=true' if each is language else ''}>{each.value.upper()}</a>"
        for each in Language
    )
    return f"""<!doctype html>
<html lang="{language.value}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(house)} · {escape(words.sign_in_title)}</title>
<link rel="icon" href="{escape(root)}/assets/mark.svg">
<link rel="stylesheet" href="{escape(root)}/assets/desk.css">
</head>
<body class="door">
<main>
<nav class="languages" aria-label="{escape(words.language)}">{switch}</nav>
<p class="brand">{MARK}<span><strong>{escape(house)}</strong><i>{escape(words.tagline)}</i></span></p>
<h1>{escape(words.sign_in_title)}</h1>
<p class="lead">{escape(words.sign_in_lead)}</p>
{notice}
<form method="post" action="{escape(root)}/sign-in" autocomplete="off">
<input type="hidden" name="lang" value="{language.value}">
<label for="key">{escape(words.sign_in_key)}</label>
<input id="key" name="key" type="password" required maxlength="256" autocomplete="off" spellcheck="false" autofocus>
<button type="submit">{escape(words.sign_in_button)}</button>
</form>
<p class="hint">{escape(words.sign_in_hint)}</p>
</main>
</body>
</html>
"""
