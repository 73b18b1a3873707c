"""A visit to a page beside the desk, and what it may come to."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from cambista.console.doors import ConsoleDoors
from cambista.console.office_texts import Words, words_in
from cambista.console.sessions import Session
from cambista.console.texts import Language
from cambista.kernel.callers import Caller
from cambista.runtime import Action

NAMED_MAX = 200


@dataclass(frozen=True, slots=True)
class Visit:
    """Who came, for which thing (`id`), with what. `root` is the console's path, `path` the page's under it."""

    doors: ConsoleDoors
    session: Session
    root: str
    path: str
    id: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def caller(self) -> Caller:
        return self.session.caller

    @property
    def language(self) -> Language:
        return self.session.language

    @property
    def words(self) -> Words:
        return words_in(self.session.language)

    def typed(self, name: str) -> str:
        """A field of the form, without spaces around it; empty when it is not there."""
        return self.form.get(name, "").strip()

    def asked(self, name: str) -> str | None:
        """A part of the query, without spaces around it; None when it is empty."""
        return self.query.get(name, "").strip()[:200] or None

    async def note_read(self, name: str, subject: str, ids: Iterable[object] = ()) -> None:
        """Put on record what of others is about to be shown, as the API does: one entry, at most 200 ids."""
        named = [str(id) for _, id in zip(range(NAMED_MAX), ids, strict=False)]
        await self.doors.runtime.record(Action(self.caller, name, subject, facts={"ids": named} if named else {}))


@dataclass(frozen=True, slots=True)
class Page:
    """A page to show: its title, and its body as markup."""

    title: str
    body: str
    status: int = 200


@dataclass(frozen=True, slots=True)
class Went:
    """The deed is done; its page follows."""

    path: str


Answer = Page | Went
Handler = Callable[[Visit], Awaitable[Answer]]
