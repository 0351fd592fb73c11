"""Folders that are named by a URL, on the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from workbench.runs.remote import fetched_folder, is_remote, remote_folder


@contextmanager
def with_out_here(words: Sequence[str]) -> Iterator[list[str]]:
    """The words of a command with a folder of this machine for an `--out` that lies elsewhere.

    Raises RunError as `remote_folder`.
    """
    from workbench.recipe import say

    found, urls = list(words), []
    with ExitStack() as stack:
        for place, word in enumerate(found):
            option, equals, value = word.partition("=")
            if option != "--out" or place + (not equals) >= len(found):
                continue
            url = value if equals else found[place + 1]
            if is_remote(url):
                urls.append(url)
                here = str(stack.enter_context(remote_folder(url)))
                found[place if equals else place + 1] = f"--out={here}" if equals else here
        yield found
    for url in urls:
        say(f"All of it is at {url}")


@contextmanager
def here(*folders: str, written: bool = False) -> Iterator[list[str]]:
    """Folders of this machine for those that lie elsewhere; with `written`, what is put there goes back.

    Raises RunError where one cannot be reached.
    """
    taken = remote_folder if written else fetched_folder
    with ExitStack() as stack:
        yield [str(stack.enter_context(taken(one))) if is_remote(one) else one for one in folders]
