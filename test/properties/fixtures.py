"""What the property tests find in a messenger that has just been started: users, rooms, messages, media, a webhook.

usage: fixtures.py URL DIRECTORY

It writes one file a dictionary into DIRECTORY, from which schemathesis takes ids that are known, and the two tokens.
"""
import base64
import json
import pathlib
import sys
import urllib.parse
import urllib.request
import uuid

url, directory = sys.argv[1], pathlib.Path(sys.argv[2])


def ask(method, path, token=None, body=None, form=None):
    """The answer's JSON, or None where it has none. Whatever is refused ends this program: the tests would prove nothing."""
    headers, data = {}, None
    if token:
        headers["Authorization"] = "Bearer " + token
    if body is not None:
        headers["Content-Type"], data = "application/json", json.dumps(body).encode()
    if form is not None:
        data = urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(url + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            answer = response.read()
    except urllib.error.HTTPError as refusal:
        sys.exit(f"{method} {path}: {refusal.code} {refusal.read().decode()}")
    return json.loads(answer) if answer else None


def sign_in(form):
    return ask("POST", "/realms/ism/protocol/openid-connect/token", form=form)["access_token"]


def user(name):
    token = sign_in({"grant_type": "password", "client_id": "ism-web", "username": name, "password": name})
    ask("GET", "/api/rooms", token)  # the messenger meets it
    claims = token.split(".")[1]
    return token, json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]


def group(token, name, *members):
    return ask("POST", "/api/rooms/create-room", token, {"roomType": "Group", "roomName": name, "invitedUsers": members})["id"]


def send(token, room, text):
    return ask("POST", "/api/send-msg", token, {"chatRoomId": room, "msgType": "Text", "msgBody": {"text": text}})["messageId"]


def medium(token, room, name):
    return ask("POST", "/api/media", token, {"roomId": room, "fileName": name, "mimeType": "text/plain", "size": 4})["mediaId"]


alice, alice_id = user("alice")
bob, bob_id = user("bob")
others = [user(name)[1] for name in ("carol", "dave", "erin")]
backend = sign_in({"grant_type": "client_credentials", "client_id": "ism-backend", "client_secret": "ism-backend-secret"})

rooms = [group(alice, "Lunch", alice_id, bob_id), group(alice, "Dinner", alice_id, bob_id, others[0])]
messages = [send(token, room, f"Soup {i}?") for room in rooms for i, token in enumerate((alice, bob, alice))]
ask("POST", f"/api/users/friends/add/{alice_id}", bob)
hook = ask("POST", "/api/admin/webhooks", backend, {"url": "https://hooks.invalid/ism", "types": ["dev.ism.room.ended"]})
ask("POST", "/api/notify", backend, {"toUser": alice_id, "type": "SystemMessage", "message": {"text": "Soup is ready."}})
erased = [user(f"gone-{i}")[1] for i in range(3)]
erasure = ask("DELETE", f"/api/admin/users/{erased[0]}", backend)

dictionaries = {
    "rooms": rooms,
    "messages": messages,
    "media": [medium(alice, rooms[0], f"{i}.txt") for i in range(3)],
    "users": [bob_id, *others],
    "webhooks": [hook["id"]],
    "erasures": [erasure["id"]],
    # What the tests take away: it is of no use to the other routes.
    "rooms-to-leave": [group(alice, f"Left {i}", alice_id, bob_id) for i in range(5)],
    "rooms-to-end": [group(bob, f"Ended {i}", bob_id, others[0]) for i in range(5)],
    "users-to-erase": [*erased[1:], str(uuid.uuid4())],
}
for name, values in dictionaries.items():
    (directory / f"{name}.txt").write_text("".join(f'"{value}"\n' for value in values))
(directory / "tokens").write_text(f"export USER_TOKEN={alice}\nexport BACKEND_TOKEN={backend}\n")
