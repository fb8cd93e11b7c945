// Generated from services/realtime/api/openapi.yaml by `npm run generate`. Do not edit.
export interface paths {
    "/api/sse": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The caller's live events.
         * @description An event stream as the HTML standard defines it (section 9.2). It begins with a block that has no event:
         *
         *         retry: 2000
         *         id: mJHRZwDuJA
         *
         *     From there on nothing that happens is missed. Each event has an id and, on one line, its data, one of the objects
         *     under `StreamEvent`, told apart by `type`:
         *
         *         id: mJHRZwDvJA
         *         data: {"type":"ChatMessage",…}
         *
         *     Clients pass over types that they do not know. A comment (`:`) comes every fifteen seconds, at times with an id
         *     that has no event: the stream moves on also while nothing happens to its user.
         *
         *     **Resuming.** A client that comes back with the last id that it has read gets exactly what follows it, at any node.
         *     Ids are opaque: letters, digits, `-` and `_`. They have no order that a client could know, and two nodes may give one
         *     event different ids; either is good at both. What can no longer be had, or an id that is none, makes the stream begin
         *     with one `Resync` event and carry on from now: the client reloads by REST. A `Resync` event may also come later in a stream,
         *     where there is an event that cannot be given to it.
         *
         *     **Order.** The events of a room come in the order of its log, the same for all of its members. Those of different
         *     rooms may come to two members in different orders.
         *
         *     **The end.** The server ends the stream when the token expires, when it is as old as a stream may be, when the user or the token's session is
         *     signed out, when the user opens more streams than it may (the oldest ends),
         *     and when the backend disconnects the user: each with a `StreamEnded` event that says so. It also ends it when it stops (a `retry:`
         *     says when to come back), when the client does not keep up, when its machine does not answer for 45 seconds, and when
         *     it sends more than 4 KB on the open stream. Each of these is resumed without loss.
         *
         *     The browser's own EventSource cannot send a token: let it use a ticket, or use fetch and read the body. A token in the query is
         *     not looked at. An EventSource reconnects by itself with the ticket that it has used, gets 401 and gives up: then ask for another
         *     ticket, and open the stream with that and `last_event_id`.
         */
        get: operations["openStream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/sse/ticket": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A ticket for one event stream.
         * @description For clients that cannot set headers, such as a browser's EventSource. The ticket goes into the query of `GET /api/sse`, at any node,
         *     within 30 seconds, and opens one stream. That ends when the token expires with which the ticket was asked for. Give the stream
         *     `last_event_id`: at first the ticket's `lastEventId`, later the id of the last event that came.
         */
        post: operations["issueTicket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/poll": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The caller's live events, where streams do not pass.
         * @description Answers as soon as something has happened behind the last event id, with up to 500 events, or with none after the timeout. The
         *     next request begins at `lastEventId` of the answer: nothing is missed and nothing comes twice, at any node, and a client may change
         *     between polls and streams. Without an id it answers at once, with the id from which to begin.
         */
        get: operations["poll"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/users/{user_id}/disconnect": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End all streams of a user, at all nodes, within a second.
         * @description For backends: the token needs the role of administrators. Each stream of the user ends with a `StreamEnded` event. The user may come back
         *     with a token that is still valid: end the session at the identity provider first.
         */
        post: operations["disconnectUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description A message in one of the user's rooms, the user's own ones too. */
        ChatMessage: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "ChatMessage";
            message: components["schemas"]["Message"];
            roomPreviewText: components["schemas"]["Preview"];
            createdAt: components["schemas"]["Time"];
            /** @description Where the message is in its room. Opaque, but the order of texts is that of positions. Missing where the edge was not told. */
            position?: string;
        };
        /**
         * @description A message of one of the user's rooms has another content. It stays where it was: the order of rooms, and what is unread, are as before.
         *     roomPreviewText is shown where the message is the room's latest.
         */
        MessageEdited: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "MessageEdited";
            /** @description As it is now, with editedAt and its position. */
            message: components["schemas"]["Message"];
            roomPreviewText: components["schemas"]["Preview"];
            /** @description When it was edited. */
            createdAt: components["schemas"]["Time"];
            /** @description Where the edit is in the room's log, not where the message is. Of two edits of a message the later one is right. */
            position?: string;
        };
        /**
         * @description A message of one of the user's rooms has been deleted, for good: a MessageEdited of it that comes later, as somebody edited what another was
         *     deleting, is passed over. It stays where it was, without its content: the order of rooms, and what is unread, are as before.
         */
        MessageDeleted: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "MessageDeleted";
            /** @description As it is now, with deletedAt and its position. */
            message: components["schemas"]["Message"];
            /** @description New; shown where the message is the room's latest. */
            roomPreviewText: components["schemas"]["Preview"];
            /** @description When it was deleted. */
            createdAt: components["schemas"]["Time"];
            /** @description Where the deletion is in the room's log, not where the message is. */
            position?: string;
        };
        /** @description The user is in a new room, given as that user sees it. */
        NewRoom: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "NewRoom";
            room: components["schemas"]["Room"];
            createdAt: components["schemas"]["Time"];
        };
        /** @description Another user has asked the user to be friends. */
        FriendRequestReceived: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "FriendRequestReceived";
            fromUser: components["schemas"]["User"];
            createdAt: components["schemas"]["Time"];
        };
        /** @description A user whom the user had asked to be friends has accepted. */
        FriendRequestAccepted: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "FriendRequestAccepted";
            fromUser: components["schemas"]["User"];
            createdAt: components["schemas"]["Time"];
        };
        /** @description A backend tells the user something. The name of its type is that of the ISM wire; a SystemMessage in a room is a message. */
        CustomNotification: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "SystemMessage";
            /** Format: uuid */
            notificationId: string;
            /** @description What the backend said: any object. */
            message: {
                [key: string]: unknown;
            };
            createdAt: components["schemas"]["Time"];
            /** @description From when on it is to be shown no more. Missing: it does not expire. */
            expiresAt?: components["schemas"]["Time"];
        };
        /** @description The user has read notifications, here or elsewhere. Either upTo or notificationIds is there. */
        NotificationsRead: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "NotificationsRead";
            /** @description The cursor up to which all are read. */
            upTo?: string;
            /** @description Those that are read. */
            notificationIds?: string[];
            /** @description How many are left; 1000: as many or more. */
            unreadCount: number;
            createdAt: components["schemas"]["Time"];
        };
        /** @description A medium of the user's has another state. Of one that is deleted only ids, state and reason are said. */
        MediaChanged: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "MediaChanged";
            /** Format: uuid */
            mediaId: string;
            /** Format: uuid */
            roomId: string;
            /**
             * @description pending: its bytes are awaited; uploaded: they are there, and are looked at; ready: messages may use it; rejected: it is never used.
             * @enum {string}
             */
            state: "pending" | "uploaded" | "ready" | "rejected" | "deleted";
            /** @description A code: why it is rejected or deleted. */
            reason?: string;
            fileName?: string;
            mimeType?: string;
            /** @description Bytes. */
            size?: number;
            /** @description Pixels, of an image as it is shown. */
            width?: number;
            /** @description Pixels, of an image as it is shown. */
            height?: number;
            /** @description The smaller ones that there are of an image, by their longer side: 256, 1024. */
            variants?: string[];
            /** @description When it got the state. */
            createdAt: components["schemas"]["Time"];
        };
        /**
         * @description The user has marked a room as read or unread, here or elsewhere. unreadCount is how many messages are unread as of unreadAsOf, and takes the
         *     place of what a client has counted up to there; with an older unreadAsOf than the client has it is passed over.
         */
        UnreadChanged: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "UnreadChanged";
            /** Format: uuid */
            roomId: string;
            unreadCount: number;
            /** @description As in Room. */
            unreadAsOf: string;
            createdAt: components["schemas"]["Time"];
        };
        /** @description Another member has read a room up to a message. Not in rooms of more than a hundred members, nor of who keeps it private. */
        UserReadChat: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "UserReadChat";
            /** Format: uuid */
            roomId: string;
            /** Format: uuid */
            userId: string;
            /** Format: uuid */
            messageId: string;
            createdAt: components["schemas"]["Time"];
        };
        /** @description Somebody has joined one of the user's rooms, or left it. */
        RoomChangeEvent: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "RoomChangeEvent";
            message: components["schemas"]["Message"];
            roomPreviewText: components["schemas"]["Preview"];
            createdAt: components["schemas"]["Time"];
            /** @description Where the message is in its room. Opaque, but the order of texts is that of positions. Missing where the edge was not told. */
            position?: string;
        };
        /** @description The user is in the room no longer. */
        LeaveRoom: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "LeaveRoom";
            /** Format: uuid */
            roomId: string;
            createdAt: components["schemas"]["Time"];
        };
        /** @description A room of the user has another name or picture. */
        RoomChanged: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "RoomChanged";
            room: components["schemas"]["PublicRoom"];
            createdAt: components["schemas"]["Time"];
        };
        /**
         * @description Something before this event cannot be had. The client reloads what it shows; the stream goes on from this event's id. It comes at the
         *     beginning of a stream that cannot be resumed, and in the middle of any.
         */
        Resync: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "Resync";
            /**
             * @description `expired`: it is too long ago; `unknown-position`: no such event has been written; `other-logs`: the id is from before
             *     a log was made anew or got more partitions, or of an older version; `malformed`: the id is none; `unreadable-event`: an event could not be read;
             *     `late-event`: an event came so late that it may have been delivered before; `log-jumped`: events were lost before they were read, or
             *     after the client was given some of them.
             * @enum {string}
             */
            reason: "expired" | "unknown-position" | "other-logs" | "malformed" | "unreadable-event" | "late-event" | "log-jumped";
            createdAt: components["schemas"]["Time"];
        };
        /** @description Opens one event stream. */
        StreamTicket: {
            ticket: string;
            expiresAt: components["schemas"]["Time"];
            /**
             * @description Where streams are now. A stream that is opened behind it misses nothing that happens from now on: an EventSource tells nobody the
             *     id with which its stream began.
             */
            lastEventId: string;
        };
        /** @description What a stream would have written behind the id from which it was asked for. */
        Poll: {
            /** @description Where the next poll begins. */
            lastEventId: string;
            events: components["schemas"]["PolledEvent"][];
        };
        /** @description The last event of a stream that ends for a reason that the client should know. */
        StreamEnded: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            type: "StreamEnded";
            /**
             * @description `expired`: the token's time is over, or the stream's, come back, with a new token if yours has expired; `replaced`: the user has opened more streams than it may, and
             *     this was the oldest, do not come back without being asked to; `disconnected`: the backend has ended the user's streams;
             *     `signed-out`: the user was signed out, or the session that the token is of; the token is refused from now on.
             * @enum {string}
             */
            reason: "expired" | "replaced" | "disconnected" | "signed-out";
            createdAt: components["schemas"]["Time"];
        };
        /** @description RFC 9457. errorCode, message, timestamp and path are for clients of the Rust ISM. */
        Problem: {
            /** @description `urn:ism:problem:` and the code. */
            type: string;
            title: string;
            status: number;
            detail?: string;
            /** @description Stable. */
            code: string;
            traceId: string;
            /** @description The code in upper snake case. */
            errorCode: string;
            message: string;
            timestamp: components["schemas"]["Time"];
            path: string;
        };
        /** @description The data of one event. */
        StreamEvent: components["schemas"]["ChatMessage"] | components["schemas"]["MessageEdited"] | components["schemas"]["MessageDeleted"] | components["schemas"]["NewRoom"] | components["schemas"]["FriendRequestReceived"] | components["schemas"]["FriendRequestAccepted"] | components["schemas"]["CustomNotification"] | components["schemas"]["NotificationsRead"] | components["schemas"]["MediaChanged"] | components["schemas"]["RoomChangeEvent"] | components["schemas"]["LeaveRoom"] | components["schemas"]["UnreadChanged"] | components["schemas"]["UserReadChat"] | components["schemas"]["RoomChanged"] | components["schemas"]["Resync"] | components["schemas"]["StreamEnded"];
        /**
         * Format: date-time
         * @description RFC 3339, in UTC, always with six decimals and Z. So the order of texts is the order of times.
         */
        Time: string;
        PolledEvent: {
            id: string;
            /** @description The data of an event, as it is on a stream. */
            data: Record<string, never>;
        };
        TextBody: {
            /** @description Not only white space; no NUL. */
            text: string;
        };
        /** @description What has a mediaId is kept by the media service, which gives it to who sees the message. */
        MediaBody: {
            /** Format: uuid */
            mediaId?: string;
            /** @description An http or https URL with a host. */
            mediaUrl: string;
            /** @description What clients take it for, for example `image`. */
            mediaType: string;
            /** @description For example `image/png`. */
            mimeType?: string;
            /** @description For who cannot see or hear it. */
            altText?: string;
            /** @description Of what has a mediaId, as size; width and height are a picture's. */
            fileName?: string;
            /** @description Bytes. */
            size?: number;
            /** @description Pixels, as the picture is to be shown. */
            width?: number;
            height?: number;
        };
        /** @description A text, and the message of the same room that it quotes, as that was when it was quoted. */
        ReplyBody: {
            /** Format: uuid */
            replyMsgId: string;
            /** Format: uuid */
            replySenderId: string;
            /**
             * @description Never RoomChange.
             * @enum {string}
             */
            replyMsgType: "Text" | "Media" | "Reply" | "RoomChange" | "SystemMessage";
            replyCreatedAt: components["schemas"]["Time"];
            /** @description The quoted message's body; of a Reply a ReplyDetails; empty, as a DeletedBody, once its sender is deleted as a user. */
            replyMsgDetails: Record<string, never>;
            /** @description As text of TextBody. */
            replyText: string;
        };
        /** @description A user in a room. */
        Member: {
            /** Format: uuid */
            id: string;
            displayName: string;
            profilePicture: string | null;
            joinedAt: components["schemas"]["Time"];
            lastMessageReadAt: components["schemas"]["Time"] | null;
            /** @enum {string} */
            membershipStatus: "Joined" | "Left" | "Invited";
        };
        /** @description Who joined or left. The message's sender is that user. */
        RoomChangeBody: {
            /** @enum {string} */
            type: "UserJoined" | "UserLeft";
            related_user: components["schemas"]["Member"];
        };
        /**
         * @description What the backend says in a room: a text, and an object for clients that know this backend. The message's sender is the subject of the
         *     backend's token, who need be nobody's user.
         */
        SystemBody: {
            /** @description As text of TextBody. */
            text: string;
            /** @description At most 8,192 bytes. */
            data?: Record<string, never>;
        };
        /** @description Of a message that has been deleted, whatever its type. It says nothing. */
        DeletedBody: Record<string, never>;
        Message: {
            /** Format: uuid */
            chatRoomId: string;
            /**
             * Format: uuid
             * @description UUIDv7.
             */
            messageId: string;
            /** Format: uuid */
            senderId: string;
            /** @description As msgType says. */
            msgBody: components["schemas"]["TextBody"] | components["schemas"]["MediaBody"] | components["schemas"]["ReplyBody"] | components["schemas"]["RoomChangeBody"] | components["schemas"]["SystemBody"] | components["schemas"]["DeletedBody"];
            /** @enum {string} */
            msgType: "Text" | "Media" | "Reply" | "RoomChange" | "SystemMessage";
            /** @description The same in the answer, on the streams and in the timeline. */
            createdAt: components["schemas"]["Time"];
            /** @description What the sender named the message with, so that it is sent once however often that is tried. */
            clientMsgId?: string;
            /** @description Whom the message mentions, who were members of the room when it was sent: each once, in the sender's order; missing: nobody. An edit leaves them as they are, a deletion takes them away, and who is deleted as a user goes from them. */
            mentions?: string[];
            /** @description Where the message is in its room: opaque, but the order of texts is that of positions. In answers and timelines, and where an event tells of an edit or a deletion; of a ChatMessage the event has it. Missing where it was not known yet. */
            position?: string;
            /** @description When it was edited last; missing: never. */
            editedAt?: components["schemas"]["Time"];
            /** @description When it was deleted; missing: it is not. Then msgBody is a DeletedBody. */
            deletedAt?: components["schemas"]["Time"];
        };
        /** @description Tagged by type; the other fields are snake_case. */
        Preview: {
            /**
             * @description Text also stands for a SystemMessage, and New for a message that was deleted, or, in a list of rooms, has expired: old clients know no other.
             * @enum {string}
             */
            type: "New" | "Text" | "Media" | "Reply" | "RoomChange";
            /** @description The sender's name; RoomChange: that of who joined or left. */
            sender_username?: string;
            /** @description Text: over 50 characters it is cut to 40 at most, none of them torn from its accents or parts, and `...`. */
            text?: string;
            /** @description Media. */
            media_type?: string;
            /** @description Reply: cut as text is. */
            reply_text?: string;
            /**
             * @description RoomChange.
             * @enum {string}
             */
            room_change_type?: "JOIN" | "LEAVE";
        };
        /** @description A room as one of its members sees it. */
        Room: {
            /** Format: uuid */
            id: string;
            /** @enum {string} */
            roomType: "Single" | "Group";
            /** @description Single: the other user's picture. */
            roomImageUrl: string | null;
            /** @description Single: the other user's name. */
            roomName: string | null;
            createdAt: components["schemas"]["Time"];
            /** @description The latest message's createdAt; of a new room its own. */
            latestMessage: components["schemas"]["Time"];
            /** @description Whether unreadCount is above 0, or the user has not read the room since joining it: true for all in a new room. */
            unread: boolean;
            latestMessagePreviewText: components["schemas"]["Preview"];
            /**
             * @description How many messages of others the user has not read, of those up to unreadAsOf. What came before the user joined does not count, nor
             *     do messages of who joins and leaves, unless the installation says so.
             */
            unreadCount: number;
            /**
             * @description The position that unreadCount counts up to, as `position` in the events of a stream: opaque, but the order of texts is that of positions.
             *     A client adds each message of others whose position is after it, once. Empty: before all messages.
             */
            unreadAsOf: string;
        };
        /** @description A user as all others see it. */
        User: {
            /** Format: uuid */
            id: string;
            displayName: string;
            /** @description What the backend has set; else 0. */
            streetCredits: number;
            profilePicture: string | null;
            /** @description What the backend has set. */
            description: string | null;
            friendsCount: number;
            /** @description What the backend has set. */
            role: string | null;
        };
        /** @description What all members of a room see alike. A Single room has no name and no picture of its own. */
        PublicRoom: {
            /** Format: uuid */
            id: string;
            /** @enum {string} */
            roomType: "Single" | "Group";
            roomImageUrl: string | null;
            roomName: string | null;
            createdAt: components["schemas"]["Time"];
        };
    };
    responses: {
        /** @description `unauthorized`: no valid bearer token. */
        Unauthorized: {
            headers: {
                "WWW-Authenticate"?: "Bearer";
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `insufficient-scope`: the token lacks the scope or role that is needed for everything (ISM_OIDC_REQUIRED_SCOPE). */
        InsufficientScope: {
            headers: {
                "WWW-Authenticate"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `rate-limited`: the caller asks for more than it may, of all requests or of this kind (ISM_HTTP_RATE_…); again after Retry-After. Backends are not limited. */
        RateLimited: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                RateLimit: components["headers"]["RateLimit"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `internal`: a fault of the service; traceId helps to find it. */
        Internal: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: never;
    requestBodies: never;
    headers: {
        /** @description Seconds. */
        RetryAfter: number;
        /** @description The limits that the request counts for, as draft-ietf-httpapi-ratelimit-headers-10 has them: of each its class, how many requests, and in how many seconds. It is in every answer to a user, unless all limits are off. */
        RateLimitPolicy: string;
        /** @description Of each of these limits, how much is left, and in how many seconds all of it is there again. */
        RateLimit: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    openStream: {
        parameters: {
            query?: {
                /** @description Opens the stream instead of a token: see `POST /api/sse/ticket`. It is used up by the request, whatever becomes of the stream. */
                ticket?: string;
                /** @description Resume behind this event, for clients that cannot set headers. */
                last_event_id?: string;
            };
            header?: {
                /** @description Resume behind this event. It counts before `last_event_id`. */
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream. It has no length and is not chunked; the connection is closed at its end. */
            200: {
                headers: {
                    "Cache-Control"?: "no-store";
                    "X-Accel-Buffering"?: "no";
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example retry: 2000
                     *     id: mJHRZwDuJA
                     *
                     *     id: mJHRZwDvJA
                     *     data: {"type":"ChatMessage","message":{"chatRoomId":"0192d3a0-0000-7000-8000-000000000001","messageId":"02000000-0000-0000-0000-000000000000","senderId":"0192d3a0-0000-7000-8000-00000000000a","msgBody":{"text":"Soup?"},"msgType":"Text","createdAt":"2026-11-23T12:30:45.123456Z"},"roomPreviewText":{"type":"Text","sender_username":"alice","text":"Soup?"},"createdAt":"2026-11-23T12:30:45.123456Z"}
                     *
                     *     :
                     *     id: mJHRZwD2JA
                     */
                    "text/event-stream": string;
                };
            };
            /** @description `unauthorized`: no valid token; `invalid-ticket`: the ticket is none, has expired, has been used or is void: ask for another. */
            401: {
                headers: {
                    "WWW-Authenticate"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            403: components["responses"]["InsufficientScope"];
            /** @description `not-acceptable`: the request has an `Accept` that does not take event streams. */
            406: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            /**
             * @description `kafka-unavailable`: this node has not read the newest events yet, or cannot take the ticket; `too-many-streams`: this node has as
             *     many streams as it may; `draining`: this node is stopping; `issuer-unavailable`: tokens cannot be verified yet.
             */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    issueTicket: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The ticket. */
            201: {
                headers: {
                    "Cache-Control"?: "no-store";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StreamTicket"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["InsufficientScope"];
            /** @description `too-many-tickets`: use those that you have; `rate-limited`: the caller asks for more than it may (ISM_HTTP_RATE_…). */
            429: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    "RateLimit-Policy": components["headers"]["RateLimitPolicy"];
                    RateLimit: components["headers"]["RateLimit"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            500: components["responses"]["Internal"];
            /** @description `kafka-unavailable`: try again; `issuer-unavailable`: tokens cannot be verified yet; `timeout`. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    poll: {
        parameters: {
            query?: {
                last_event_id?: string;
                /** @description How long to wait, in seconds. */
                timeout?: number;
            };
            header?: {
                /** @description It counts before `last_event_id`. */
                "Last-Event-ID"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What has happened. */
            200: {
                headers: {
                    "Cache-Control"?: "no-store";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Poll"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["InsufficientScope"];
            /** @description `invalid-request`: the timeout is out of range. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            /**
             * @description `kafka-unavailable`: this node has not read the newest events yet; `too-many-streams`: this node has as many polls as it may;
             *     `issuer-unavailable`: tokens cannot be verified yet; `timeout`.
             */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    disconnectUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All nodes will end them. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-id` */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token lacks the role of administrators. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            /** @description `kafka-unavailable`: try again; `issuer-unavailable`: tokens cannot be verified yet; `timeout`. */
            503: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
