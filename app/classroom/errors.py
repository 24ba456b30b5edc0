"""What goes wrong in a room: a code for the page, and a sentence for whoever reads it."""

from app.errors import NotFound, ShallowsError


class NoRoom(NotFound):
    """No room has this code or id. Whoever asks learns no more than that."""

    def __init__(self) -> None:
        super().__init__("No room has this code. Look at the screen again.")


class Over(ShallowsError):
    """The room has ended."""

    status = 410
    code = "over"
    title = "The room is over"

    def __init__(self) -> None:
        super().__init__("This room is over. Its names and answers are deleted.")


class Locked(ShallowsError):
    """Nobody new comes in."""

    status = 409
    code = "locked"
    title = "Locked"

    def __init__(self) -> None:
        super().__init__("The door is locked. Ask your teacher.")


class RoomFull(ShallowsError):
    """There is no more room for that."""

    status = 409
    code = "full"
    title = "Full"

    def __init__(self, detail: str = "The room is full.") -> None:
        super().__init__(detail)


class WrongKey(ShallowsError):
    """The key is none of this room's, or none any more."""

    status = 403
    code = "wrong_key"
    title = "Refused"

    def __init__(self) -> None:
        super().__init__("This link does not open the room any more. Ask for a new one.")


class Stranger(ShallowsError):
    """The secret is none of this room's, or none any more."""

    status = 403
    code = "stranger"
    title = "Refused"

    def __init__(self) -> None:
        super().__init__("This room does not know you any more. Join again with its code.")


class Removed(ShallowsError):
    """Whoever comes was removed."""

    status = 403
    code = "removed"
    title = "Removed"

    def __init__(self) -> None:
        super().__init__("Your teacher has taken you out of this room. You can join again.")


class NobodyOfThatName(ShallowsError):
    """A name is claimed that nobody has."""

    status = 404
    code = "unknown_name"
    title = "Nobody has this name"

    def __init__(self) -> None:
        super().__init__(
            "Nobody who is away has this name. Look how it is written, or join as somebody new."
        )


class Claimed(ShallowsError):
    """The name is claimed by somebody else already."""

    status = 409
    code = "claimed"
    title = "Asked for already"

    def __init__(self) -> None:
        super().__init__("Somebody has asked for this name already. Tell your teacher.")


class NotLetIn(ShallowsError):
    """The claim was refused, or nobody has decided in time."""

    status = 404
    code = "not_let_in"
    title = "Not let in"

    def __init__(self) -> None:
        super().__init__("Your teacher has not let you in. Ask again, or join as somebody new.")


class NameTaken(ShallowsError):
    """Somebody else has the name."""

    status = 409
    code = "name_taken"
    title = "Taken"

    def __init__(self) -> None:
        super().__init__("Somebody in this room has this name, or one that looks like it.")


class UnknownMember(ShallowsError):
    """There is no such member."""

    status = 404
    code = "unknown_member"
    title = "Not here"

    def __init__(self) -> None:
        super().__init__("This member is not in the room any more.")


class UnknownThing(ShallowsError):
    """There is no such question, task, claim or lesson."""

    status = 404
    code = "not_found"
    title = "Not found"


class Closed(ShallowsError):
    """The question is over."""

    status = 409
    code = "closed"
    title = "Over"

    def __init__(self, detail: str = "This question is over.") -> None:
        super().__init__(detail)


class Shown(Closed):
    """The answers are shown already."""

    code = "revealed"

    def __init__(self) -> None:
        super().__init__("The answers are shown already. They can't be changed any more.")


class GivenParameters(ShallowsError):
    """Seeds of one's own are asked for where there is nothing to draw."""

    status = 422
    code = "given_parameters"
    title = "Own seeds need weights to draw"

    def __init__(self) -> None:
        super().__init__(
            "This experiment says its first weights itself, so a seed draws none. "
            "Send it with the same seed."
        )


class CheckedHere(ShallowsError):
    """A page reports what the server sees for itself."""

    status = 422
    code = "checked_here"
    title = "The server checks this"

    def __init__(self) -> None:
        super().__init__("The server sees for itself whether this is done.")


class NotATeacher(ShallowsError):
    """The code of those who may open rooms is missing or wrong."""

    status = 403
    code = "teacher_code"
    title = "Teacher's code needed"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)


class NotYours(ShallowsError):
    """Only a teacher may do that."""

    status = 403
    code = "not_yours"
    title = "Refused"

    def __init__(self) -> None:
        super().__init__("Only the teacher of this room can do that.")
