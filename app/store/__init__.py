"""What outlives the server: REST runs that have ended and sessions that were saved, in SQL."""

from app.store.rows import StoredRun
from app.store.store import Store, StoreUnusable

__all__ = ["Store", "StoreUnusable", "StoredRun"]
