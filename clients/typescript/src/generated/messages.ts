// Generated from services/messages/api/openapi.yaml by `npm run generate`. Do not edit.
export interface paths {
    "/api/send-msg": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sends a message to a room that the caller has joined, or a backend's to any room of its tenant.
         * @description A member sends messages of the types Text, Media and Reply. A Reply names the message of the room that it quotes, and becomes what
         *     that says now; `replyCreatedAt` may be left out. Only a backend's token sends a SystemMessage; it need not be a member.
         *     A Media message has the address of what it shows, or the `mediaId` of a medium that its sender has uploaded to the room, and that is `ready`:
         *     then address, name, type, size and dimensions follow from it.
         *
         *     `mentions` names members of the room at whom the message is aimed, whatever its type. Each is kept once, in the order in which they are named first.
         *
         *     The answer comes once the message can no longer be lost. Its `createdAt` is the same in the answer, on the streams
         *     and in the timeline. Order in a room is not that of `createdAt` but that of the timeline, which is also the order in
         *     which every stream has the messages.
         *
         *     An answer that is lost does not tell whether the message was sent: give sends a name, and try again.
         *     A send that its client names with `Idempotency-Key` or `clientMsgId`, one of them or both alike, is sent once, however often and on
         *     whichever node it is tried, for a day and up to two: then the answer is the message that was sent first, with
         *     `Idempotency-Replayed: true`. Names are the sender's own in a room. Where two nodes take the same send within a moment, or the store does
         *     not answer meanwhile, the answers may differ in `createdAt` and `position`, never in `messageId`; the first in the log counts.
         */
        post: operations["sendMessage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{room_id}/timeline": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A page of a room's messages, the newest first.
         * @description Without `cursor`, `timestamp` and `around` it is the newest page, or with `direction=newer` the oldest. A page has its newest message first,
         *     whichever way one goes. `X-Next-Cursor`, and `Link` with `rel="next"`, are there while there is more that way; `X-Previous-Cursor`, and
         *     `rel="prev"`, lead the other way from where the page is. The links say which `direction` goes with which cursor. Walking by cursor has no gap and
         *     no repeat, also while messages arrive.
         *
         *     An acknowledged message that the store has not taken yet is in the page from the log, in its place. Where that cannot be said for certain,
         *     as on a node that has just started while the store is behind, or of what came within the last fraction of a second,
         *     `X-Complete-Before` says before which position nothing is missing: ask again for what is from there on, after `Retry-After`. Towards newer messages a
         *     page ends there by itself: whoever has walked to the end, and is not told to ask again, has all.
         *
         *     A page that lacks nothing has an `ETag`.
         */
        get: operations["getTimeline"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{room_id}/changes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What has happened in a room since a position.
         * @description For a client that was away and has a room's messages up to a position: what was sent, edited and deleted, who has joined and left, in the order of the
         *     room's log. `since` of the answer is what to ask with next, at once where there is `more`. It may be ahead of the last change, and nothing is
         *     missing before it.
         *
         *     Each change has its message as it is now. So what was sent and edited later comes as `new`, with its `editedAt`, and again as `edited`;
         *     what was edited several times comes once, as its newest content came. To begin with, take the greatest position among a newest page's messages, or that of
         *     a stream's event.
         *
         *     The answer ends where it is not certain that nothing is missing, mostly a fraction of a second ago. Where that may be longer, as on a node that
         *     has just started while the store is behind, `Retry-After` says when to ask again.
         */
        get: operations["getChanges"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{room_id}/messages/{message_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
                message_id: components["parameters"]["MessageID"];
            };
            cookie?: never;
        };
        /** A message that the caller may read, as it is now. */
        get: operations["getMessage"];
        put?: never;
        post?: never;
        /**
         * Deletes a message, for good.
         * @description The author may, while it is a member of the room, and a backend of the room's tenant. The message keeps its place, without its content. Members
         *     are told by `MessageDeleted`. To delete it again changes nothing, and has the same answer. What others have quoted of it stays with them, until its author is
         *     deleted as a user.
         */
        delete: operations["deleteMessage"];
        options?: never;
        head?: never;
        /**
         * Gives a message another body.
         * @description The author may, while it is a member of the room, for as long after sending as the installation allows, 24 hours unless it says otherwise.
         *     A SystemMessage is edited by a backend of the room's tenant. The type stays, and `msgBody` is that of the message's type, whole; a Reply
         *     gets another `replyText`, and goes on quoting what it quotes. Whom the message mentions stays.
         *
         *     The message keeps its place, its `createdAt` and its order in lists; nothing becomes unread. Members are told by `MessageEdited`. Asking again,
         *     when an answer was lost, edits again, to the same.
         *
         *     With `If-Match` it is edited only if it still is what the client has seen. Of those who edit at once each waits for the other, so whoever asks for
         *     nothing comes behind what others made of the message.
         */
        patch: operations["editMessage"];
        trace?: never;
    };
    "/api/admin/users/{user_id}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        /**
         * What a user has written, as JSON lines.
         * @description Messages of all rooms that the user has written in, those that it has left or that have ended, too, in no order that means anything; of deleted ones
         *     what is left. Who joined and left is in the export of rooms. It comes in parts of 500 lines at most: `Link` and `X-Next-Cursor` say where the next is, and the last
         *     has neither. A part may have fewer lines, and even none, where others have written much in the same rooms. What is sent meanwhile may be missing.
         */
        get: operations["exportMessages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/rooms/{room_id}/retention": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        /** For how many days a room keeps its messages. */
        get: operations["getRoomRetention"];
        /**
         * Gives a room a retention of its own, which counts in place of the installation's.
         * @description It counts for as long as the room has it, whatever the installation's becomes. What is set last counts, and asking again changes nothing.
         */
        put: operations["setRoomRetention"];
        post?: never;
        /**
         * Has a room go by the installation's retention again.
         * @description For a room that does so already nothing changes. The answer has the installation's.
         */
        delete: operations["unsetRoomRetention"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/internal/rooms/{room_id}/messages/{message_id}/readers/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
                message_id: components["parameters"]["MessageID"];
                user_id: string;
            };
            cookie?: never;
        };
        /** Whether a user may read a message of a room, also one that has been deleted. */
        get: operations["getReader"];
        put?: never;
        post?: never;
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
        Changes: {
            changes: components["schemas"]["MessageChange"][];
            /** @description What to ask with next. */
            since: string;
            /** @description There is more; ask at once. */
            more: boolean;
        };
        /** @description For how many days a room keeps its messages. */
        RoomRetention: {
            /** @description 0: for ever. */
            days: number;
            /** @description Whether the room has a retention of its own; else it is the installation's. */
            own: boolean;
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
        /** @description A message, and what the line is. */
        ExportedMessage: components["schemas"]["Message"] & {
            /** @enum {string} */
            type: "Message";
        };
        SendRequest: {
            /** Format: uuid */
            chatRoomId: string;
            /** @description Names the send, as Idempotency-Key does; no control characters. The message has it. */
            clientMsgId?: string;
            /** @description Members of the room. Who is named again is passed over. */
            mentions?: string[];
            /** @enum {string} */
            msgType: "Text" | "Media" | "Reply" | "SystemMessage";
            /** @description As msgType says. */
            msgBody: components["schemas"]["TextBody"] | components["schemas"]["MediaBody"] | components["schemas"]["MediaRequest"] | components["schemas"]["ReplyRequest"] | components["schemas"]["SystemBody"];
        };
        RetentionRequest: {
            /** @description 0: for ever; else 2 to 3650. */
            days: number;
        };
        EditRequest: {
            /** @description As the message's type says. */
            msgBody: components["schemas"]["TextBody"] | components["schemas"]["MediaBody"] | components["schemas"]["MediaEdit"] | components["schemas"]["ReplyEdit"] | components["schemas"]["SystemBody"];
        };
        /** @description What the media service keeps: neither mediaUrl nor mimeType can be given, they follow from it. */
        MediaRequest: {
            /**
             * Format: uuid
             * @description Of a medium that the sender has uploaded to the room, and that is ready.
             */
            mediaId: string;
            /** @description As that of MediaBody; without it `image`, `video`, `audio` or `file`, by its MIME type. */
            mediaType?: string;
            /** @description As that of MediaBody. */
            altText?: string;
        };
        /** @description Of a message that shows what the media service keeps: it goes on showing that. */
        MediaEdit: {
            /**
             * Format: uuid
             * @description The one that the message shows.
             */
            mediaId?: string;
            /** @description Without it that stays. */
            mediaType?: string;
            /** @description Without it there is none. */
            altText?: string;
        };
        ReplyEdit: {
            /** @description As text of TextBody. */
            replyText: string;
        };
        ReplyRequest: {
            /**
             * Format: uuid
             * @description A message of the room that the caller sees, and no RoomChange.
             */
            replyMsgId: string;
            /**
             * Format: date-time
             * @description For clients of the Rust ISM; the message is found by its id.
             */
            replyCreatedAt?: string;
            /** @description As text of TextBody. */
            replyText: string;
        };
        /**
         * Format: date-time
         * @description RFC 3339, in UTC, always with six decimals and Z. So the order of texts is the order of times.
         */
        Time: string;
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
        /** @description Of a message that has been deleted, whatever its type. It says nothing. */
        DeletedBody: Record<string, never>;
        MessageChange: {
            /** @enum {string} */
            change: "new" | "edited" | "deleted" | "joined" | "left";
            /** @description Where in the room's log it has happened: opaque, but the order of texts is that of positions. */
            position: string;
            message: components["schemas"]["Message"];
        };
    };
    responses: {
        /** @description `malformed-json`: no JSON, a wrong type, a key that is there twice, something behind the value, invalid UTF-8, nested too deep, or no body. */
        MalformedJSON: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
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
        /** @description `room-not-found`: there is no such room, or the caller is not in it; the answer is the same. */
        RoomNotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `body-too-large`: the body is over the limit. */
        BodyTooLarge: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `unsupported-media-type`: the body is not `application/json`. */
        UnsupportedMediaType: {
            headers: {
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
        /** @description `invalid-id`: an id in the path is no UUID. */
        InvalidID: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid-id`: an id in the path is no UUID; `malformed-json`. */
        InvalidIDOrJSON: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `room-not-found`: there is no such room for the caller; `message-not-found`: the room has no such message, or the caller may not read it. */
        MessageNotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `message-changed`: the message is not what If-Match names. Nothing has been done: read it, and decide anew. */
        MessageChanged: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /**
         * @description `kafka-unavailable`: the message was not changed and will not be; `store-unavailable`: it cannot be read now; `rooms-unavailable`: it cannot be
         *     said who is in the room; `timeline-behind`: nor what the caller may read, or whether there is the message; `issuer-unavailable`: tokens cannot be verified yet; `timeout`.
         *     Nothing has been done: ask again.
         */
        NotChanged: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `outcome-unknown`: the change was sent on, and its acknowledgement did not come in time. It may still be made. Asking again does no harm. */
        MayBeChanged: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `forbidden`: the token is not the backend's. */
        NotTheBackend: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `room-not-found`: there is no such room, or it is of another tenant; the answer is the same. */
        NotOfTheTenant: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description The room's retention as it is now. */
        RoomRetention: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                /**
                 * @example {
                 *       "days": 30,
                 *       "own": true
                 *     }
                 */
                "application/json": components["schemas"]["RoomRetention"];
            };
        };
        /**
         * @description `store-unavailable`: retentions can be neither read nor changed now; `rooms-unavailable`: it cannot be said of which tenant the room is;
         *     `issuer-unavailable`: tokens cannot be verified yet; `timeout`. What was to be changed may be: ask again, which does no harm.
         */
        RetentionUnavailable: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
    };
    parameters: {
        RoomID: string;
        MessageID: string;
        /**
         * @description The tag of the message as the client has seen it, in the answer that had it, or made of it: its `deletedAt`, else its `editedAt`, else its `createdAt`, as
         *     it is written there, in double quotes.
         */
        IfMatch: string;
    };
    requestBodies: never;
    headers: {
        /** @description Seconds. */
        RetryAfter: number;
        /** @description The tag of the message as it is now, for If-Match and If-None-Match. */
        MessageTag: string;
        /** @description The limits that the request counts for, as draft-ietf-httpapi-ratelimit-headers-10 has them: of each its class, how many requests, and in how many seconds. It is in every answer to a user, unless all limits are off. */
        RateLimitPolicy: string;
        /** @description Of each of these limits, how much is left, and in how many seconds all of it is there again. */
        RateLimit: string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    sendMessage: {
        parameters: {
            query?: never;
            header?: {
                /** @description A string in quotes (draft-ietf-httpapi-idempotency-key-header), or without them, of 1 to 255 visible characters. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "chatRoomId": "0192d3a0-0000-7000-8000-000000000001",
                 *       "msgType": "Text",
                 *       "msgBody": {
                 *         "text": "Soup?"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["SendRequest"];
            };
        };
        responses: {
            /** @description The message as it was sent. */
            200: {
                headers: {
                    /** @description There if it had been sent before under its name. */
                    "Idempotency-Replayed"?: "true";
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /** @description `malformed-json`, as everywhere; `malformed-idempotency-key`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: a SystemMessage, and the token is not the backend's. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["RoomNotFound"];
            /**
             * @description `send-under-way`: a send of the same name has not ended after two seconds; `media-not-ready`: the medium is not completed or not looked at
             *     yet. Try again.
             */
            409: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /**
             * @description `invalid-request`: something is missing, unknown or out of its limits, see `detail`;
             *     `unsupported-message-type`: a RoomChange, which nobody sends; `quoted-message-not-found`: the room has no message with the
             *     `replyMsgId`, or it is deleted, or the caller does not see it; `message-not-quotable`: it is a RoomChange;
             *     `mentioned-not-a-member`: `mentions` names somebody who is not a member of the room;
             *     `media-not-found`: the sender has uploaded no medium with the `mediaId` to the room; `media-rejected`: it was rejected;
             *     `idempotency-key-reused`: the name has been used in the room for another message, or the same with other `mentions`.
             */
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
             * @description `kafka-unavailable`: the message was not written and will not be; `rooms-unavailable`: it cannot be said who is in
             *     the room, or whether somebody is who is mentioned; `store-unavailable` or `timeline-behind`: it cannot be said what a Reply quotes;
             *     `media-unavailable`: it cannot be said what a Media message shows; `issuer-unavailable`: tokens cannot
             *     be verified yet; `timeout`. Nothing has been done: send it again.
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
            /**
             * @description `outcome-unknown`: the message was sent on, and its acknowledgement did not come in time. It may still appear in the
             *     room, as it would have otherwise. Look there before it is sent again.
             */
            504: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getTimeline: {
        parameters: {
            query?: {
                /**
                 * @description The `X-Next-Cursor` or `X-Previous-Cursor` of a page of this room that the caller was given; opaque. Messages before it, or with `direction=newer`
                 *     behind it.
                 */
                cursor?: string;
                /**
                 * @description Messages before this time, RFC 3339. The `createdAt` of a message gives what stands before that message in the
                 *     timeline, so paging by it skips nothing; any other time gives what was created before it. With `direction=newer`: the other side, without the
                 *     message itself.
                 */
                timestamp?: string;
                /** @description The id of a message that the caller may read: it, and about as many messages before as behind it. */
                around?: string;
                /** @description Which way to go. Not together with `around`. */
                direction?: "older" | "newer";
                limit?: number;
            };
            header?: {
                /** @description ETags of what the client has. */
                "If-None-Match"?: string;
            };
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page; empty where there is nothing more. */
            200: {
                headers: {
                    /** @description The cursor of the next page, if there is one. */
                    "X-Next-Cursor"?: string;
                    /** @description The cursor of what is on the other side of the page. */
                    "X-Previous-Cursor"?: string;
                    /** @description Before this position the page lacks nothing; missing where it lacks nothing at all. */
                    "X-Complete-Before"?: string;
                    "Retry-After": components["headers"]["RetryAfter"];
                    /** @description There where the page lacks nothing. */
                    ETag?: string;
                    /** @description The neighbouring pages, with `rel="next"` and `rel="prev"`, where they are (RFC 8288). */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"][];
                };
            };
            /** @description The client has the page already. */
            304: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-id`, `invalid-cursor` or `invalid-timestamp`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["InsufficientScope"];
            /**
             * @description `room-not-found`: there is no such room for the caller; `message-not-found`: of `around`, the room has no such message, or the caller may not
             *     read it.
             */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `invalid-request`: `limit` is no number from 1 to 100; `direction` or `around` is none; of `cursor`, `timestamp` and `around` there is more than
             *     one, or `direction` is with `around`.
             */
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
             * @description `store-unavailable`: the timelines cannot be read now; `rooms-unavailable`: it cannot be said who is in the room;
             *     `issuer-unavailable`: tokens cannot be verified yet; `timeline-behind`: the caller has just joined or left, and the timeline
             *     has not come to that, or to where the message of `around` may be; `timeout`.
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
    getChanges: {
        parameters: {
            query: {
                /** @description A `since`, or the position of a message or of an event of the room. Empty for all that there is. */
                since: string;
                limit?: number;
            };
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The changes, none where nothing has happened. */
            200: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Changes"];
                };
            };
            /** @description `invalid-id`, or `invalid-position`: `since` is no position, or one that the log has not come to. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["InsufficientScope"];
            404: components["responses"]["RoomNotFound"];
            /** @description `invalid-request`: `since` is missing, or `limit` is no number from 1 to 100. */
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
             * @description `store-unavailable`: the timelines cannot be read now; `kafka-unavailable`: the log is not known yet; `rooms-unavailable`: it cannot be said who
             *     is in the room; `timeline-behind`: the caller has just joined or left, and the timeline has not come to that;
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
    getMessage: {
        parameters: {
            query?: never;
            header?: {
                /** @description ETags of what the client has. */
                "If-None-Match"?: string;
            };
            path: {
                room_id: components["parameters"]["RoomID"];
                message_id: components["parameters"]["MessageID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The message. One that is deleted has `deletedAt`, and an empty `msgBody`. */
            200: {
                headers: {
                    ETag: components["headers"]["MessageTag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            /** @description The client has it already. */
            304: {
                headers: {
                    ETag: components["headers"]["MessageTag"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["InsufficientScope"];
            404: components["responses"]["MessageNotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            /**
             * @description `store-unavailable`: the message cannot be read now; `rooms-unavailable`: it cannot be said who is in the room; `timeline-behind`: the
             *     caller has just joined or left, and the timeline has not come to that, or to where the message may be; `issuer-unavailable`: tokens cannot be verified yet; `timeout`.
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
    deleteMessage: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The tag of the message as the client has seen it, in the answer that had it, or made of it: its `deletedAt`, else its `editedAt`, else its `createdAt`, as
                 *     it is written there, in double quotes.
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                room_id: components["parameters"]["RoomID"];
                message_id: components["parameters"]["MessageID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The message as it is now, with `deletedAt`. */
            200: {
                headers: {
                    ETag: components["headers"]["MessageTag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            /** @description `not-the-author`. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["MessageNotFound"];
            /** @description `revision-under-way`: somebody else has been changing the message for a second; ask again. */
            409: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["MessageChanged"];
            /** @description `message-not-editable`: a RoomChange. */
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
            503: components["responses"]["NotChanged"];
            504: components["responses"]["MayBeChanged"];
        };
    };
    editMessage: {
        parameters: {
            query?: never;
            header?: {
                /**
                 * @description The tag of the message as the client has seen it, in the answer that had it, or made of it: its `deletedAt`, else its `editedAt`, else its `createdAt`, as
                 *     it is written there, in double quotes.
                 */
                "If-Match"?: components["parameters"]["IfMatch"];
            };
            path: {
                room_id: components["parameters"]["RoomID"];
                message_id: components["parameters"]["MessageID"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "msgBody": {
                 *         "text": "Soup!"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["EditRequest"];
            };
        };
        responses: {
            /** @description The message as it is now, with `editedAt`. */
            200: {
                headers: {
                    ETag: components["headers"]["MessageTag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Message"];
                };
            };
            400: components["responses"]["InvalidIDOrJSON"];
            401: components["responses"]["Unauthorized"];
            /** @description `not-the-author`; `edit-window-over`: it was sent too long ago. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["MessageNotFound"];
            /** @description `message-deleted`: the message is deleted, for good; `revision-under-way`: somebody else has been changing it for a second; ask again. */
            409: {
                headers: {
                    "Retry-After": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            412: components["responses"]["MessageChanged"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /**
             * @description `invalid-request`: `msgBody` is missing, or none of the message's type, or there are `mentions`, see `detail`; `message-not-editable`: a RoomChange, or a SystemMessage
             *     by somebody who is no backend.
             */
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
            503: components["responses"]["NotChanged"];
            504: components["responses"]["MayBeChanged"];
        };
    };
    exportMessages: {
        parameters: {
            query?: {
                /** @description X-Next-Cursor of the part before. */
                cursor?: string;
            };
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The lines. */
            200: {
                headers: {
                    Link?: string;
                    "X-Next-Cursor"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": components["schemas"]["ExportedMessage"];
                };
            };
            /** @description `invalid-id`: the path has no UUID; `invalid-cursor`: it was made up, or is another user's export's. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NotTheBackend"];
            /** @description `user-not-found`: there is no such user in the token's tenant, or it was deleted. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            /** @description `store-unavailable`, `rooms-unavailable`, `timeout`: try again after Retry-After. */
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
    getRoomRetention: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["RoomRetention"];
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NotTheBackend"];
            404: components["responses"]["NotOfTheTenant"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["RetentionUnavailable"];
        };
    };
    setRoomRetention: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "days": 30
                 *     }
                 */
                "application/json": components["schemas"]["RetentionRequest"];
            };
        };
        responses: {
            200: components["responses"]["RoomRetention"];
            400: components["responses"]["InvalidIDOrJSON"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NotTheBackend"];
            404: components["responses"]["NotOfTheTenant"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid-request`: `days` is missing, or neither 0 nor from 2 to 3650. */
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
            503: components["responses"]["RetentionUnavailable"];
        };
    };
    unsetRoomRetention: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            200: components["responses"]["RoomRetention"];
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NotTheBackend"];
            404: components["responses"]["NotOfTheTenant"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["RetentionUnavailable"];
        };
    };
    getReader: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
                message_id: components["parameters"]["MessageID"];
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user may read it. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidID"];
            /** @description `room-not-found`, `message-not-found`: there is none for the user. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            500: components["responses"]["Internal"];
            /** @description `store-unavailable`, `timeline-behind`, `rooms-unavailable`, `timeout`: try again after Retry-After. */
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
