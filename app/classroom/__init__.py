"""A class in a room: who is in, what is asked, what each may see. No sockets, no SQL, no web.

`room.py` is the state machine: commands in (`commands.py`, `messages.py`), events out
(`events.py`). What the commands do is in `doors.py` (who is in), `teaching.py`, `asking.py` and
`tasks.py`; `state.py` is what they change, `views.py` what each role sees of it, `results.py` the
table that a teacher takes away, `rooms.py` all rooms of a server. `bounds.py` says how much there
may be of everything, and what happens when it is full.

What is kept, and when. A room is a handful of rows of one table, `(room, key, value)` with the
primary key `(room, key)`, each value JSON (`rows.py`):

| key | what | written when |
|---|---|---|
| `room` | code, title, digests of keys, door, hold, spotlight, what is on | that changes |
| `experiment`, `lesson` | what was sent last; the lesson of the class | it is sent, begins |
| `member/7` | name, digest, session, hand, **answers**, **solved tasks**, steps | that changes |
| `question/3` | a round: text, choices, and once it is shown its counts | asked, shown, closed |
| `task/2` | title, conditions, points it counts on | set |
| `claim/…` | who asks for a name, and whether they were let in | asked, let in, over |

The events of a command begin with one `Write`: the rows to replace and those to delete, in one
transaction. Only when that is on the disk may anything else of the command be sent or answered. So
whatever somebody was told survives `kill -9`: a join, an answer (one row of a member), a solved
task, a new code, a hold. `Ended` stands for a `Write` that deletes every row of the room.

What is not kept is true of connections alone: who is connected, what is watched, how a run was
looked at last, and what a page reports of a task that is not solved yet. After a restart everybody
is away until their page is back. A room whose rows another version wrote is not taken up.
"""
