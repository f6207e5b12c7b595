"""Stores: where requests, runs, jobs and the log are kept. `open_store` chooses one by its address."""

from interlock.storage.open import open_store, register_store

__all__ = ["open_store", "register_store"]
