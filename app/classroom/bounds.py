"""How much there may be of everything in a room, and what happens when it is full.

| what | at most | one more |
|---|---|---|
| rooms of a server | a setting | an empty one that has no teacher gives way; else `full` |
| members | 400 | whoever has not come a minute after joining, or left first, gives way; `full` |
| second sessions of a member | 1; 8 while the room is held | those before it are nobody's; `held` |
| claims of names | 50, five minutes | the oldest gives way; `claimed` where the name is claimed |
| keys of teachers | 8 | pairing is refused (`full`): `new_key` ends all others |
| pages of teachers; projectors | 16 each | the one that was opened first is closed |
| codes for another device | 1, five minutes | the newer takes the place of the older |
| rounds of questions; tasks | 50 each | `full`; those that there are stay |
| choices; conditions of a task | 2 to 6; 6 | `invalid_field` |
| spotlight; tiles opened on a page | 4 each | `invalid_field` |
| title, name, question, choice | 80, 24, 500, 120 characters | `invalid_field` |
| a page's address | 20,000 characters | `invalid_field` |
| a plan | as large as a message | the stream closes with 1009 |

Time is bounded as well: a room ends twelve hours after its teacher was last seen, and 24 after it
was opened; a hold lets go two minutes after the last teacher's page has gone.
"""

HOUR = 3600.0

MOST_MEMBERS = 400
MOST_LABS = 8
"""Second sessions of a member while the room is held: those before the newest stay held."""
MOST_CLAIMS = 50
CLAIM_SECONDS = 300.0
COMING_SECONDS = 60.0
"""After which whoever was given a place and has never come may lose it to somebody new."""
WAITED_SECONDS = 300.0
"""After which they are not in any more; what they were given leads back all the same."""
MOST_KEYS = 8
MOST_PAGES = 16
"""Of teachers, and of projectors."""
PAIRING_SECONDS = 300.0
MOST_QUESTIONS = 50
MOST_TASKS = 50
MOST_CHOICES = 6
MOST_CONDITIONS = 6
MOST_SPOTLIT = 4
MOST_WATCHED = 4
MOST_PARTS = 60
"""Of the page, to hide or to lock: more than there are."""
LONGEST_TITLE = 80
LONGEST_QUESTION = 500
LONGEST_CHOICE = 120
LONGEST_PAGE = 20_000
LONGEST_TYPED = 2_000
"""Characters of a text before it is looked at."""

ALONE_SECONDS = 12 * HOUR
LONGEST_SECONDS = 24 * HOUR
HELD_ALONE_SECONDS = 120.0

BETTER = 0.99
"""A member makes progress when its cost is at most so many times the best one before."""
PROGRESS_SECONDS = 20.0
"""Between two times that progress of one member is told."""
