"""Rooms as they run: who is connected, what is written before anybody hears of it, who hears what.

`app.classroom` says what comes of what; here it is carried out. `live.py` takes commands one after
the other, brings what they change to the store, and only then lets anything be sent; `audience.py`
knows the connections, and sends each what is new for it.
"""
