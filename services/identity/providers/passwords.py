"""Passwords: Argon2id for new ones; bcrypt ones of the old product are verified and upgraded."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

from services.identity.errors import PasswordsBusy

BCRYPT_MAX_BYTES = 72
"""bcrypt reads no further; the library refuses longer ones where the old product cut them."""

WAIT_SECONDS = 10.0

T = TypeVar("T")


class Passwords:
    """Hashes in a few threads: a burst of sign-ins neither stalls nor floods the process.

    Raises PasswordsBusy for whoever would wait too long.
    """

    def __init__(self, threads: int) -> None:
        # OWASP's minimum for Argon2id: 19 MiB, two passes.
        self._argon2 = Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._bcrypt = BcryptHasher()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._nobody = self._argon2.hash("the hash of nobody's password")

    async def hash(self, password: str) -> str:
        return await self._run(partial(self._argon2.hash, password))

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether it is the password, and a better hash to store when the old one is outdated.

        Without a stored hash it takes as long as a wrong one: time does not tell who exists.
        """
        valid, better = await self._run(partial(self._verify, password, stored or self._nobody))
        return (valid, better) if stored is not None else (False, None)

    async def _run(self, work: "partial[T]") -> T:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError as error:
            raise PasswordsBusy from error

    def _verify(self, password: str, stored: str) -> tuple[bool, str | None]:
        try:
            if self._bcrypt.identify(stored):
                valid = self._bcrypt.verify(password.encode()[:BCRYPT_MAX_BYTES], stored)
                return valid, self._argon2.hash(password) if valid else None
            valid = self._argon2.verify(password, stored)
        except ValueError:
            return False, None
        outdated = valid and self._argon2.check_needs_rehash(stored)
        return valid, self._argon2.hash(password) if outdated else None
