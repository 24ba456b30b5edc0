"""Who is in: coming, going, coming back, and what a teacher decides about it."""

from app.classroom.bounds import (
    CLAIM_SECONDS,
    COMING_SECONDS,
    MOST_CLAIMS,
    MOST_KEYS,
    MOST_LABS,
    MOST_MEMBERS,
    MOST_PAGES,
    PAIRING_SECONDS,
    WAITED_SECONDS,
)
from app.classroom.codes import Mint, read_code, same
from app.classroom.commands import Collect, Come, Gone, Join, Linked, OpenPage, Redeem
from app.classroom.errors import (
    Claimed,
    Locked,
    NameTaken,
    NobodyOfThatName,
    NotLetIn,
    Removed,
    RoomFull,
    Stranger,
    UnknownThing,
    WrongKey,
)
from app.classroom.events import (
    DONE,
    GAVE_WAY,
    REFUSED,
    REPLACED,
    Entered,
    Freed,
    Joined,
    KeyMade,
    Opened,
    Role,
    Tell,
    Unkept,
    Waiting,
)
from app.classroom.messages import (
    Admit,
    Hand,
    Leave,
    Lock,
    NewCode,
    NewKey,
    Pair,
    Refuse,
    Remove,
    Rename,
)
from app.classroom.names import check_name, folded, given_name
from app.classroom.state import Claim, Door, Member, Page, Presence, State
from app.classroom.turn import Turn
from app.errors import Held

# -- coming ---------------------------------------------------------------------------------


def join(turn: Turn, command: Join) -> None:
    """Back by a secret; or a claim, by a name; or somebody new."""
    secret, mint = command.secret, turn.mint
    known = None if secret is None else _of_secret(turn.state, mint, secret)
    if secret is not None and known is not None and known.standing != "removed":
        _let_in(turn, known, secret)
    elif command.name is not None:
        _claim(turn, command.name)
    else:
        _somebody_new(turn)


def _somebody_new(turn: Turn) -> None:
    state, door = turn.state, turn.state.door
    if door.locked:
        raise Locked
    if len(state.members) >= MOST_MEMBERS:
        _give_way(turn)
    taken = {folded(member.name) for member in state.members.values()}
    secret = turn.mint.secret()
    member = Member(
        door.next_member,
        given_name(door.seed, taken),
        turn.mint.digest("member", secret),
        turn.mint.session(),
        turn.now.wall,
    )
    door.next_member += 1
    state.members[member.number] = member
    _arrive(turn, member)
    turn.keep(door)
    _let_in(turn, member, secret)


def _give_way(turn: Turn) -> None:
    """Whoever has never come gives up the place that they were given; else who left long ago.

    Raises:
        RoomFull: Everybody is in.
    """
    state = turn.state
    gone = [m for m in state.members.values() if m.standing != "in"]
    if never := _never_came(turn, COMING_SECONDS):
        first = never[0]
        _out(turn, first, REFUSED, None)
    elif gone:
        first = min(gone, key=lambda member: member.left_at)
    else:
        raise RoomFull
    del state.members[first.number]
    _forget_claims(turn, first)
    _unkeep(turn, first)
    turn.drop(first)


def _never_came(turn: Turn, seconds: float) -> list[Member]:
    """Who was given a place so long ago and has not come, the longest first."""
    state, clock = turn.state, turn.now.clock
    return [state.members[n] for n, since in state.coming.items() if clock >= since + seconds]


def _let_in(turn: Turn, member: Member, secret: str) -> None:
    """Somebody has a place, and is told."""
    if member.standing != "in":
        member.standing = "in"
        _arrive(turn, member)
    turn.keep(member)
    turn.send(
        Joined(member.number, member.name, secret, member.session, turn.state.door.title),
    )
    turn.member(member)
    turn.staff()


def _arrive(turn: Turn, member: Member) -> None:
    now = turn.now
    turn.state.presences[member.number] = Presence(
        away_since=now.wall, progress_at=now.clock, progress_wall=now.wall, told_at=now.clock
    )
    if not member.came:
        turn.state.coming[member.number] = now.clock


def _of_secret(state: State, mint: Mint, secret: str) -> Member | None:
    digest = mint.digest("member", secret)
    return next(
        (
            member
            for member in state.members.values()
            if member.secret is not None and same(member.secret, digest)
        ),
        None,
    )


def knows(state: State, mint: Mint, secret: str | None, claim: str | None) -> bool:
    """Whether somebody is in by this secret, or waits to be let in with this claim."""
    if claim is not None:
        return mint.digest("claim", claim) in state.claims
    member = None if secret is None else _of_secret(state, mint, secret)
    return member is not None and member.standing != "removed"


def _claim(turn: Turn, name: str) -> None:
    """Ask the teacher whether this is who had the name; nobody else learns who is in."""
    state, wanted = turn.state, folded(name)
    member = next(
        (
            member
            for member in state.members.values()
            if member.standing != "removed"
            and folded(member.name) == wanted
            and turn.presence(member).connection is None
        ),
        None,
    )
    if member is None:
        raise NobodyOfThatName
    if any(claim.member == member.number for claim in state.claims.values()):
        raise Claimed
    if len(state.claims) >= MOST_CLAIMS:
        oldest = min(state.claims.values(), key=lambda claim: claim.until)
        del state.claims[oldest.id]
        turn.drop(oldest)
    token = turn.mint.secret()
    until = turn.now.clock + CLAIM_SECONDS
    claim = Claim(turn.mint.digest("claim", token), member.number, until)
    state.claims[claim.id] = claim
    turn.keep(claim)
    turn.send(Waiting(token))
    turn.staff()


def collect(turn: Turn, command: Collect) -> None:
    """Whoever claims a name asks whether the teacher has decided; if so they get a new secret."""
    claim = turn.state.claims.get(turn.mint.digest("claim", command.claim))
    if claim is None:
        raise NotLetIn
    if not claim.admitted:
        turn.send(Waiting(command.claim))
        return
    member, secret = turn.state.members[claim.member], turn.mint.secret()
    known = command.secret
    spare = None if known is None else _of_secret(turn.state, turn.mint, known)
    if spare is not None and spare is not member and spare.standing == "in":
        leave(turn, spare)
    member.secret = turn.mint.digest("member", secret)
    _let_in(turn, member, secret)


def come(turn: Turn, command: Come) -> None:
    """A member's page is there; another one that had the place before is told so."""
    member = _of_secret(turn.state, turn.mint, command.secret)
    if member is None:
        raise Stranger
    if member.standing == "removed":
        raise Removed
    session = _lab(turn, member, command.session) if command.lab else member.session
    if member.standing == "left":
        member.standing = "in"
        _arrive(turn, member)
        turn.keep(member)
        turn.staff()
    if not member.came:
        member.came = True
        turn.state.coming.pop(member.number, None)
        turn.keep(member)
    presence = turn.presence(member)
    before = presence.lab if command.lab else presence.connection
    _release(turn, command.connection)
    if command.lab:
        presence.lab = command.connection
    else:
        presence.connection = command.connection
    if before is not None and before != command.connection:
        turn.dismiss(before, REPLACED, None)
    turn.send(Entered(member.number, command.connection, session, command.lab))
    if not command.lab:
        _forget_claims(turn, member)
        turn.student(member)
        turn.member(member)


def _lab(turn: Turn, member: Member, wanted: str | None) -> str:
    """The second session of a member's page: the one that it had, else a new one.

    It is in the room's rows before anybody can have it, so it is held whoever takes it up, after a
    restart too. Only the newest is the room's, unless that would let others go.

    Raises:
        Held: the member has had too many while the room is held.
    """
    known = wanted is not None and wanted in member.labs
    session = wanted if wanted is not None and known else turn.mint.session()
    if not known and turn.state.held and len(member.labs) >= MOST_LABS:
        raise Held
    member.labs = [*(lab for lab in member.labs if lab != session), session]
    turn.keep(member)
    part_with_labs(turn, member)
    return session


def part_with_labs(turn: Turn, member: Member) -> None:
    """Second sessions but the newest are the room's no more, unless they are held."""
    while len(member.labs) > 1 and not turn.state.held:
        turn.send(Freed(member.labs.pop(0)))
        turn.keep(member)


def role_of(door: Door, mint: Mint, key: str) -> Role | None:
    """What a key opens; None if nothing. It takes as long, whatever comes."""
    of_teacher, of_screen = mint.digest("key", key), mint.digest("screen", key)
    is_teacher = sum(same(known, of_teacher) for known in door.keys) > 0
    is_screen = same(door.screen_key, of_screen)
    return "teacher" if is_teacher else "screen" if is_screen else None


def open_page(turn: Turn, command: OpenPage) -> None:
    """A page of a teacher or a projector is there, as its key says."""
    state, door = turn.state, turn.state.door
    role = role_of(door, turn.mint, command.key)
    if role is None:
        raise WrongKey
    page = Page(command.connection, role)
    others = [
        other
        for other in state.pages.values()
        if other.role == page.role and other.connection != page.connection
    ]
    if len(others) >= MOST_PAGES:
        del state.pages[others[0].connection]
        turn.dismiss(others[0].connection, GAVE_WAY, None)
    state.pages[page.connection] = page
    if page.role == "teacher" and door.alone_since is not None:
        door.alone_since = None
        turn.keep(door)
    turn.send(Opened(page.connection, page.role))


def gone(turn: Turn, command: Gone) -> None:
    """A connection is not there any more; whose it was keeps everything."""
    if turn.state.pages.pop(command.connection, None) is None:
        _release(turn, command.connection)
    else:
        _perhaps_alone(turn)


def _release(turn: Turn, connection: str) -> None:
    """A connection is no member's, or no member's any more."""
    for number, presence in turn.state.presences.items():
        if presence.lab == connection:
            presence.lab = None
        if presence.connection == connection:
            presence.connection, presence.away_since = None, turn.now.wall
            turn.member(turn.state.members[number])


def _perhaps_alone(turn: Turn) -> None:
    """From now on no teacher's page is there, if that is so."""
    door = turn.state.door
    if not turn.state.teachers and door.alone_since is None:
        door.alone_since = turn.now.clock
        turn.keep(door)


# -- what members do ------------------------------------------------------------------------


def hand(turn: Turn, member: Member, message: Hand) -> None:
    """The hand goes up or down."""
    if (member.hand_at is not None) == message.up:
        return
    member.hand_at = turn.now.wall if message.up else None
    turn.keep(member)
    turn.student(member)
    turn.member(member)


def leave(turn: Turn, member: Member, message: Leave | None = None) -> None:
    """Somebody goes by themselves. What they have done stays, and they may come back."""
    member.standing, member.left_at, member.hand_at = "left", turn.now.clock, None
    turn.keep(member)
    _out(turn, member, DONE, None)


def wait_no_longer(turn: Turn) -> None:
    """Whoever was given a place and has not come since is not in: they may have gone away."""
    for member in _never_came(turn, WAITED_SECONDS):
        leave(turn, member)


def _out(turn: Turn, member: Member, code: int, error: Removed | None) -> None:
    """What is connected of a member is let go."""
    turn.state.coming.pop(member.number, None)
    presence = turn.state.presences.pop(member.number, None)
    if presence is not None:
        turn.dismiss(presence.connection, code, error)
        turn.dismiss(presence.lab, code, error)
    turn.send(Freed(member.session), *map(Freed, member.labs))
    member.labs = []
    door = turn.state.door
    if member.number in door.spotlight:
        door.spotlight = [number for number in door.spotlight if number != member.number]
        turn.keep(door)
    turn.member(member)
    turn.staff()


# -- what teachers decide -------------------------------------------------------------------


def _claim_of(turn: Turn, name: str) -> Claim:
    """The claim that a teacher means: as their page names it, or as whoever claims does."""
    claims = turn.state.claims
    claim = claims.get(name) or claims.get(turn.mint.digest("claim", name))
    if claim is None:
        raise UnknownThing("Nobody waits with this claim any more.", "claim")
    return claim


def admit(turn: Turn, connection: str, message: Admit) -> None:
    """Let in who claims a name. The secret that there was lets nobody in any more."""
    claim = _claim_of(turn, message.claim)
    if claim.admitted:
        return
    member = turn.state.members[claim.member]
    claim.admitted, claim.until = True, turn.now.clock + CLAIM_SECONDS
    member.secret = None
    presence = turn.presence(member)
    turn.dismiss(presence.connection, REPLACED, Stranger())
    turn.dismiss(presence.lab, REPLACED, Stranger())
    presence.connection = presence.lab = None
    turn.keep(claim, member)
    turn.member(member)
    turn.staff()


def refuse(turn: Turn, connection: str, message: Refuse) -> None:
    """Whoever claims a name hears that they are not let in."""
    claim = _claim_of(turn, message.claim)
    del turn.state.claims[claim.id]
    turn.drop(claim)
    turn.staff()


def _forget_claims(turn: Turn, member: Member) -> None:
    """Who had the name is here, or nobody has it: whoever claims it is not."""
    of_member = [claim for claim in turn.state.claims.values() if claim.member == member.number]
    for claim in of_member:
        del turn.state.claims[claim.id]
        turn.drop(claim)
        turn.staff()


def linked(turn: Turn, command: Linked) -> None:
    """Networks were kept, for the teacher to look at later; one of each is enough."""
    for number, link in command.links.items():
        member = turn.state.members.get(number)
        if member is None or member.standing == "removed":
            turn.send(Unkept(link))
            continue
        _unkeep(turn, member)
        member.link = link
        turn.keep(member)
        turn.member(member)


def _unkeep(turn: Turn, member: Member) -> None:
    if member.link is not None:
        turn.send(Unkept(member.link))


def lock(turn: Turn, connection: str, message: Lock) -> None:
    """Whether somebody new comes in. Who was in comes back all the same."""
    if turn.state.door.locked != message.locked:
        turn.state.door.locked = message.locked
        turn.keep(turn.state.door)
        turn.staff()


def rename(turn: Turn, connection: str, message: Rename) -> None:
    """Another name."""
    member, name = turn.somebody_in(message.member), check_name(message.name)
    for other in turn.state.members.values():
        if other is not member and folded(other.name) == folded(name):
            raise NameTaken
    if name == member.name:
        return
    member.name = name
    _forget_claims(turn, member)
    turn.keep(member)
    turn.student(member)
    turn.member(member)


def remove(turn: Turn, connection: str, message: Remove) -> None:
    """Somebody is taken out, with name and answers. It is no ban: they may come as somebody new.

    The digest of the secret stays, so that they can be told.
    """
    member = turn.somebody_in(message.member)
    removed = Member(member.number, "", member.secret, member.session, member.joined_at, "removed")
    removed.left_at, removed.labs = turn.now.clock, member.labs
    turn.state.members[member.number] = removed
    _forget_claims(turn, member)
    _unkeep(turn, member)
    turn.keep(removed)
    _out(turn, removed, REFUSED, Removed())


def new_code(turn: Turn, connection: str, message: NewCode) -> None:
    """Another code. Everybody stays in; the one that there was is unknown."""
    turn.state.door.code = turn.mint.code(turn.around.codes())
    turn.keep(turn.state.door)
    turn.staff()


def new_key(turn: Turn, connection: str, message: NewKey) -> None:
    """Another key for whoever asks; what other keys have opened is closed."""
    door, key = turn.state.door, turn.mint.secret()
    door.keys, door.pairing = [turn.mint.digest("key", key)], None
    for page in turn.state.teachers:
        if page.connection != connection:
            del turn.state.pages[page.connection]
            turn.dismiss(page.connection, REFUSED, WrongKey())
    turn.keep(door)
    turn.send(Tell(connection, {"type": "key", "key": key}))


def pair(turn: Turn, connection: str, message: Pair) -> None:
    """A code that opens the teacher's page on another device, once, for some minutes."""
    door = turn.state.door
    if len(door.keys) >= MOST_KEYS:
        raise RoomFull(
            f"{MOST_KEYS} devices have a key of this room. A new key ends them all but this one."
        )
    code = turn.mint.pairing()
    door.pairing = turn.mint.digest("pairing", code)
    door.pairing_until = turn.now.clock + PAIRING_SECONDS
    turn.keep(door)
    told = {"type": "pairing", "code": code, "seconds": PAIRING_SECONDS}
    turn.send(Tell(connection, told))


def redeem(turn: Turn, command: Redeem) -> None:
    """A key of its own for the other device."""
    door = turn.state.door
    digest = turn.mint.digest("pairing", read_code(command.typed))
    if (
        door.pairing is None
        or turn.now.clock >= door.pairing_until
        or not same(door.pairing, digest)
    ):
        raise WrongKey
    key = turn.mint.secret()
    door.pairing = None
    door.keys = [*door.keys, turn.mint.digest("key", key)]
    turn.keep(door)
    turn.send(KeyMade(key))
