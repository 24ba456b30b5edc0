"""`create_app`: the only place where things are wired."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec

from fastapi import Depends, FastAPI
from fastapi.routing import iter_route_contexts

from app import __version__
from app.content.assets import finder
from app.content.lessons import LESSONS, lessons_of
from app.heavy.pool import Pool
from app.rooms.linking import Linking
from app.rooms.live import LiveRooms
from app.routes import (
    activations,
    checks,
    datasets,
    exports,
    health,
    help,
    lessons,
    pages,
    predict,
    problems,
    rooms,
    saves,
    second_way,
    share,
    stream,
    train,
    uploads,
)
from app.services import AllServices
from app.sessions.interactive import InteractiveSessions
from app.sessions.jobs import Jobs
from app.sessions.known_runs import KnownRuns
from app.sessions.owning import Alone
from app.sessions.wall import Wall
from app.sessions.watching import Watches
from app.settings import Settings, SettingsError
from app.store import Store
from app.store.classes import StoredRooms
from app.training.workers.backend import Backend
from app.training.workers.inline import inline_backend
from app.training.workers.processes import pool_backend
from app.web.access import Access
from app.web.limits import MOST_BODY_BYTES, LoopTimes, Refusals
from app.web.passes import Passes
from app.web.place import Place
from app.web.security import Security
from app.web.tries import Tries
from app.web.ways import Ways
from app.web.words import Words

log = logging.getLogger(__name__)


def ray_backend(settings: Settings) -> Backend:
    """The processors of a cluster; who trains without one imports nothing of it."""
    from app.training.workers.cluster import backend

    return backend.ray_backend(settings)


BACKENDS: dict[str, Callable[[Settings], Backend]] = {
    "pool": pool_backend,
    "inline": inline_backend,
    "ray": ray_backend,
}

ROUTED = (
    train,
    exports,
    saves,
    predict,
    checks,
    lessons,
    uploads,
    datasets,
    activations,
    share,
    rooms,
    health,
    stream,
    second_way,
    help,
    pages,
)
"""What has routes, in their order."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service, ready to be served.

    Raises:
        LessonError: there is no folder of lessons where there should be one.
        StoreUnusable: there is nowhere to store what is to be kept.
        SettingsError: the server can't lie below the path that is set, or a library is missing.
    """
    settings = settings or Settings()
    _check_root(settings.root_path)
    if settings.server_address and find_spec("httpcore2") is None:
        raise SettingsError("several servers need a library more: pip install shallows[servers]")
    backend = BACKENDS[settings.backend](settings)
    store = Store.open(settings)
    found = lessons_of(LESSONS, *filter(None, [settings.lessons_folder]))
    for file in found.unread:
        log.warning("the lesson %s is left out: %s", file.file, file.detail)
    owning, shared, relay = Alone(), None, None
    if settings.server_address:
        # Only for several servers: nobody else pays for what these import.
        from app.sessions.servers import Servers
        from app.web.relay import Innermost, Outermost, Relay

        owning = servers = Servers(store, settings.server_address)
        relay = Relay(servers, store.notes.key_for("relay"))
        shared = servers.spending
    jobs = Jobs(backend, store, settings, owning)
    sessions = InteractiveSessions(backend, store, settings, owning)
    wall, kept = Wall(backend, sessions), StoredRooms(store)
    live = LiveRooms(kept, found, settings, wall, owning)
    ways = Ways()
    passes = Passes(settings, kept.key_for("passes"), live.is_anywhere, live.has_code, ways)
    refusals = Refusals()
    assets = finder(settings.reload)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await backend.start()
        await owning.start()
        services.sessions.keeping.start()
        services.rooms.running.start()
        services.wall.background.start()
        try:
            yield
            await services.drain()
        finally:
            await services.stop()

    app = FastAPI(
        title="Shallows",
        summary="A live playground where a class trains small neural networks",
        description="Names, bounds and the stream are in `docs/protocol.md`.",
        version=__version__,
        lifespan=lifespan,
        responses=problems.PROBLEMS,
        docs_url=None,
        redoc_url=None,
        servers=[{"url": settings.root_path}] if settings.root_path else None,
        root_path_in_servers=False,
        # Nothing of a class leaves its server, whatever the environment says.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.services = services = AllServices(
        settings=settings,
        backend=backend,
        sessions=sessions,
        jobs=jobs,
        runs=KnownRuns(jobs.here, backend, store),
        watches=Watches(jobs, backend, store, settings),
        heavy=Pool(settings),
        store=store,
        find_assets=assets,
        lessons=found,
        refusals=refusals,
        loop_times=LoopTimes(),
        rooms=live,
        linking=Linking(live, sessions),
        wall=wall,
        passes=passes,
        tries=Tries(settings, shared),
        ways=ways,
        owning=owning,
        relay=relay,
    )
    for module in ROUTED:
        app.include_router(
            module.router,
            max_body_size=MOST_BODY_BYTES,
            dependencies=[]
            if module in (stream, second_way, help, pages)
            else [Depends(problems.each_once)],
        )
    if relay is not None:
        ways.new_token, ways.elsewhere = relay.tickets.token, relay.knows_page
        app.add_middleware(Innermost, relay=relay)
    app.add_middleware(
        Security,
        settings=settings,
        access=Access(settings, assets, passes, shared),
        refusals=refusals,
        uncounted=passes.knows,
        shared=shared,
    )
    if relay is not None:
        app.add_middleware(Outermost, relay=relay)
    app.add_middleware(Words, assets=assets)
    app.add_middleware(Place, root=settings.root_path)  # the last that is added is the outermost
    for kind, handler in problems.HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return app


def _check_root(root: str) -> None:
    """Refuse a place of which nobody could tell whether a proxy has cut it off already.

    Raises:
        SettingsError: an address of the server's own begins like that.
    """
    every = (route for module in ROUTED for route in iter_route_contexts(module.router.routes))
    own = {route.path.split("/")[1] for route in every if route.path}
    if root and root.split("/")[1] in own:
        raise SettingsError(
            f"SHALLOWS_ROOT_PATH={root} begins like an address of the server's own; "
            "choose another, such as /shallows"
        )
