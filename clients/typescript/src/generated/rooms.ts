// Generated from services/rooms/api/openapi.yaml by `npm run generate`. Do not edit.
export interface paths {
    "/api/rooms": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The caller's joined rooms, as the caller sees them, the one with the newest latestMessage first.
         * @description At most 200. Where there are more, the header Link has the address of the next page; its cursor is good for this caller and these filters alone. A room that gets a message while somebody pages moves to the beginning.
         */
        get: operations["listRooms"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/unread": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What is unread of all rooms that the caller has joined. */
        get: operations["getUnread"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The caller, as other users see it.
         * @description Its id is the token's `sub` where that is a UUID, and derived from issuer and `sub` where it is not.
         */
        get: operations["getCaller"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/me/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the caller decides for itself. */
        get: operations["getSettings"];
        /** Decides for the caller. */
        put: operations["putSettings"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/create-room": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Creates a room, with all invited users joined.
         * @description Answers once the event room.created is in the log of the rooms, or after a second: then the event follows. An id that invitedUsers has twice counts once. Users between whom and the caller there is a block are left out of a Group.
         */
        post: operations["createRoom"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The Single room of the caller and another user. */
        get: operations["findSingleRoom"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{room_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        /** A room as the caller sees it. */
        get: operations["getRoom"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Changes the name and the picture of a Group.
         * @description For members, and for the backend. What is missing stays as it is, and null takes it away. The members are told by RoomChanged. Answers once the event room.changed is in the log of the rooms, or after a second: then the event follows.
         */
        patch: operations["renameRoom"];
        trace?: never;
    };
    "/api/rooms/{room_id}/detailed": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        /** A room as the caller sees it, with its members. */
        get: operations["getRoomDetailed"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{room_id}/users": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        /** A room's members, in the order of joining. */
        get: operations["listMembers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{room_id}/mark-read": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Marks a room as read by the caller up to a message, or as unread from it on.
         * @description Without a body all is read that the room's log has when it is asked. messageId or position name another message, which must be one of the
         *     newest 1,000 of the room; a position may be of an older one: then at least as many stay unread as are behind it. A mark only moves forward,
         *     unless unread is true: then the message is the first that is unread, and without one the newest of others is, if there is one.
         *
         *     The caller's other devices are told by UnreadChanged on their streams, and the other members by UserReadChat, unless the caller or the
         *     installation keeps that private, or the room has had more than a hundred members. Several marks within half a second are told once. A mark
         *     that changes nothing is told nobody.
         *
         *     lastMessageReadAt becomes the time of the request, or of the message that is named; it never goes back.
         */
        post: operations["markRead"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{room_id}/leave": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes the caller out of a room. It takes no body.
         * @description A Single room ends with that for both, a Group with its last member. Who has left reads the timeline up to there. Answers once the event membership.changed is in the log of the rooms, or after a second: then the event follows.
         */
        post: operations["leaveRoom"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{room_id}/invite/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes a user a member of a Group that the caller is in. It takes no body.
         * @description The user joins at once, also one who has left before. Answers once the event membership.changed is in the log of the rooms, or after a second: then the event follows.
         */
        post: operations["inviteUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Users whose names begin with a text, 20 a page; never the caller.
         * @description Case, width and the ways to write an accent make no difference, and white space counts once. What is searched for is the beginning of the whole name, of which the first 100 characters count: `lid` does not find Alice Liddell. The order is that of the names as they are compared. A user who is renamed between two pages may be found twice, or not.
         */
        get: operations["searchUsers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/friends": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The caller's friends, the latest first.
         * @description Without a limit all of them, of which there are at most 1,000.
         */
        get: operations["listFriends"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/friends/requests": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Users who have asked the caller to be friends, the latest first.
         * @description Without a limit all of them, of which there are at most 1,000.
         */
        get: operations["listFriendRequests"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/blocked": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Users whom the caller has blocked, the latest first.
         * @description Without a limit 1,000 of them, of whom there are at most 10,000.
         */
        get: operations["listBlocked"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        /** A user, and how the caller stands to it. */
        get: operations["getUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/friends/add/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Asks a user to be friends. It takes no body.
         * @description Who has asked the caller is accepted; so two who ask each other are friends. The user is told by FriendRequestReceived or FriendRequestAccepted. To ask again, or a friend, changes nothing.
         */
        post: operations["addFriend"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/friends/accept-request/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Accepts the request of a user to be friends. It takes no body.
         * @description The user is told by FriendRequestAccepted. To accept again changes nothing.
         */
        post: operations["acceptFriendRequest"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/friends/reject-request/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Rejects the request of a user to be friends.
         * @description The user is not told, and may ask again.
         */
        delete: operations["rejectFriendRequest"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/friends/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Ends a friendship, or takes the caller's own request back.
         * @description The user is not told.
         */
        delete: operations["removeFriend"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/users/ignore/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Blocks a user. It takes no body.
         * @description A friendship and requests end, and so does the Single room of the two, as if the caller had left it. While the block lasts neither can ask the other to be friends, nor draw the other into a room. The user is not told, but sees CLIENT_GOT_BLOCKED. To block again changes nothing.
         */
        post: operations["blockUser"];
        /**
         * Ends the caller's block of a user.
         * @description What there was before does not come back. The state is CLIENT_GOT_BLOCKED where the user has blocked the caller, else null.
         */
        delete: operations["unblockUser"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/users/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        get?: never;
        /**
         * Adds a user, or makes one what the backend says.
         * @description What is left out is 0 or null afterwards. Name and picture count until the user comes with a token that was issued later. A user stays with its tenant.
         */
        put: operations["putUser"];
        post?: never;
        /**
         * Deletes a user.
         * @description The user is named "deleted user" at once, in histories, too, and its tokens are refused with `user-deleted` until the backend puts it again. It leaves its rooms, and its relationships end, step by step behind the answer; the receipt says how far that is. messages erases what the user has written, by the event user.deleted. To delete again gives the same receipt.
         */
        delete: operations["deleteUser"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/users/{user_id}/sign-out": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends all sessions of a user.
         * @description Within a second all services refuse the tokens that the user has got so far, and its streams end with a `StreamEnded` event of the reason `signed-out`. Tokens that are issued later, by the second, are good: have the issuer refuse them, too, where the user is not to come back. What was asked for is not lost: where the log does not answer within a second, it is told as soon as it does.
         */
        post: operations["signOutUser"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/oidc/backchannel-logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends the sessions of somebody who has signed out at the issuer.
         * @description The back-channel logout URI of OpenID Connect Back-Channel Logout 1.0, for all issuers that are trusted: give it to the issuer for ISM's client. The token is verified as access tokens are; its `aud` is a client of ISM_OIDC_LOGOUT_CLIENTS, or of those that are accepted. With `sid` that session ends, with `sub` alone all of the user: tokens from before its `iat` are refused, and their streams end. It may be sent again, which changes nothing.
         */
        post: operations["backchannelLogout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/users/{user_id}/export": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        /**
         * What rooms keeps of a user, as JSON lines.
         * @description First the user, then how it stands to others, then the rooms that it is or was in, those that have ended, too. It comes in parts of 500 lines: Link and X-Next-Cursor say where the next is, and the last has neither. What others have of the user, for example that they block it, is theirs. Messages are in the export of messages.
         */
        get: operations["exportUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/erasures/{erasure_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                erasure_id: string;
            };
            cookie?: never;
        };
        /** The receipt of a user's deletion. */
        get: operations["getErasure"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/users:sync": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Writes many users, one a line.
         * @description Each line is a Profile with the user's id, at most 16 KiB of JSON; blank lines are passed over. Lines are taken in their order, some hundred at a time. One that cannot be used is reported, and the rest goes through. To send lines again changes nothing, so a sync of any length is sent in pieces of up to ISM_HTTP_BODY_LIMIT, and goes on from nextLine after a piece that was not complete, or whose answer was lost: firstLine is only added to the numbers in the report.
         */
        post: operations["syncUsers"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/rooms": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Rooms of the token's tenant, or of all where it has none, a hundred a page.
         * @description In the order of their ids, which is about that of their creation. With user those that the user is in; without, all rooms, those that have ended, too.
         */
        get: operations["listOverviews"];
        put?: never;
        /**
         * Creates a room for users, of whom the first counts as its creator.
         * @description As create-room, without a caller: ISM_ROOMS_INVITES does not count, and blocks count between the two of a Single room alone.
         */
        post: operations["createRoomForOthers"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/rooms/{room_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        /** A room with its members, also one that has ended. */
        get: operations["getOverview"];
        put?: never;
        post?: never;
        /**
         * Ends a room.
         * @description Its members are told by LeaveRoom, and nobody can send any more; who was in it goes on reading its history. Answers once the event room.ended is in the log of the rooms, or after a second: then the event follows. A room that has ended is not found.
         */
        delete: operations["endRoom"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/rooms/{room_id}/members/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        get?: never;
        /** Makes a user a member of a Group, as by an invitation. It takes no body. */
        put: operations["addMember"];
        post?: never;
        /** Takes a user out of a room, as if it had left. */
        delete: operations["removeMember"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/internal/rooms/{room_id}/members": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        /** Who has joined a room, as of a version that counts the changes of the membership. */
        get: operations["getMembership"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/internal/rooms/{room_id}/members/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        /** How a user stands to a room that it is in, or has been in. */
        get: operations["getStanding"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/internal/rooms/{room_id}/picture": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        get?: never;
        /** Gives a Group the picture that a member, or a backend, has uploaded for it. */
        put: operations["putPicture"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/internal/users/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        /** Of which tenant a user is, and what its name. */
        get: operations["getTenant"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/internal/users/{user_id}/unread": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        /** What a user has not read, of all rooms. */
        get: operations["getUnreadOfUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/internal/users/tenants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Of which tenants users are, of a thousand at once.
         * @description Those who are unknown, or were deleted, are left out.
         */
        post: operations["getTenants"];
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
        /** @description A user, and how the caller stands to it. */
        RelatedUser: {
            user: components["schemas"]["User"];
            /**
             * @description `INVITE_SENT`: the caller has asked the user to be friends; `INVITE_RECEIVED`: the user has asked; `CLIENT_BLOCKED`: the caller
             *     has blocked the user, who may have done so, too; `CLIENT_GOT_BLOCKED`: the user has blocked the caller; null: none of these.
             * @enum {string|null}
             */
            relationshipType: "FRIEND" | "INVITE_SENT" | "INVITE_RECEIVED" | "CLIENT_BLOCKED" | "CLIENT_GOT_BLOCKED" | null;
        };
        /** @description A page of users that were searched for. */
        UserPage: {
            /** @description For the next page; null: there are no more. */
            nextCursor: string | null;
            content: components["schemas"]["RelatedUser"][];
        };
        /** @description How the caller stands to a user after it has changed that. */
        RelationshipState: {
            /** @enum {string|null} */
            state: "FRIEND" | "INVITE_SENT" | "INVITE_RECEIVED" | "CLIENT_BLOCKED" | "CLIENT_GOT_BLOCKED" | null;
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
        CreateRoom: {
            /** @enum {string} */
            roomType: "Single" | "Group";
            /** @description Of a Group, not only white space, without characters that control or turn text. A Single room's name is the other user's; what is given here is passed over. */
            roomName?: string | null;
            /** @description All members, the caller among them. Single: exactly two users. Group: at least two, at most ISM_ROOMS_MAX_MEMBERS. */
            invitedUsers: string[];
            /** @description Whether who joins later sees what was written before. Where it is missing, ISM_ROOMS_HISTORY_SINCE_JOINING decides. */
            historyFromStart?: boolean | null;
        };
        Renaming: {
            /** @description Not only white space, without characters that control or turn text. */
            roomName?: string | null;
            /** @description An http or https URL. */
            roomImageUrl?: string | null;
        };
        Profile: {
            /** @description Not only white space; none of its characters controls or turns text. */
            displayName: string;
            /** @description An http or https URL. */
            profilePicture?: string | null;
            description?: string | null;
            role?: string | null;
            /** Format: int32 */
            streetCredits?: number;
            /** @description Missing: that of the backend's token. A token that has one writes users of that one alone. */
            tenant?: string | null;
        };
        SyncLine: components["schemas"]["Profile"] & {
            /** Format: uuid */
            id: string;
        };
        SyncReport: {
            firstLine: number;
            /** @description Where to go on; behind the last line if all is complete. */
            nextLine: number;
            /** @description Whether all lines were looked at. Not: the store did not answer in time, or a thousand lines have failed. */
            complete: boolean;
            /** @description Lines whose users are written. */
            written: number;
            failed: {
                line: number;
                /** @description As of problems: `malformed-json`, `invalid-request`, `other-tenant`. */
                code: string;
                detail: string;
            }[];
        };
        Mark: {
            /** Format: uuid */
            messageId?: string | null;
            /** @description Of a message in the room; from a stream or from unreadAsOf. */
            position?: string | null;
            /** @default false */
            unread: boolean;
        } | null;
        UnreadTotals: {
            /** @description Rooms that are unread; new ones among them. */
            unreadRooms: number;
            /** @description The sum of unreadCount. */
            unreadMessages: number;
        };
        Settings: {
            /** @description Whether the other members of a room may know what the caller has read. */
            readReceipts: boolean;
        };
        DetailedRoom: components["schemas"]["Room"] & {
            users: components["schemas"]["Member"][];
        };
        /** @description A room as a backend sees it. */
        Overview: components["schemas"]["PublicRoom"] & {
            /** Format: uuid */
            createdBy: string;
            tenant: string;
            endedAt: components["schemas"]["Time"] | null;
            /** Format: int64 */
            membershipVersion: number;
        };
        OverviewPage: {
            /** @description For the next page; null: there are no more. */
            nextCursor: string | null;
            content: components["schemas"]["Overview"][];
        };
        RoomOverview: components["schemas"]["Overview"] & {
            users: components["schemas"]["Member"][];
        };
        /** @description A line of an export. */
        ExportLine: {
            /** @constant */
            type: "User";
            /** Format: uuid */
            id: string;
            displayName: string;
            profilePicture: string | null;
            description: string | null;
            role: string | null;
            streetCredits: number;
            tenant: string;
            readReceipts: boolean;
        } | {
            /** @constant */
            type: "Relationship";
            /** @enum {string} */
            relationshipType: "FRIEND" | "INVITE_SENT" | "INVITE_RECEIVED" | "CLIENT_BLOCKED";
            /** Format: uuid */
            userId: string;
            displayName: string;
            since: components["schemas"]["Time"];
        } | {
            /** @constant */
            type: "Membership";
            room: components["schemas"]["PublicRoom"];
            /** @description When the room ended. */
            endedAt: components["schemas"]["Time"] | null;
            /** @enum {string} */
            membershipStatus: "Joined" | "Left";
            joinedAt: components["schemas"]["Time"];
            leftAt: components["schemas"]["Time"] | null;
            lastMessageReadAt: components["schemas"]["Time"] | null;
        };
        /** @description What each service has erased of a user. */
        Erasure: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            userId: string;
            tenant: string;
            requestedAt: components["schemas"]["Time"];
            /** @description When the last service has finished; null: not all have. */
            finishedAt: components["schemas"]["Time"] | null;
            services: {
                service: string;
                /**
                 * Format: int64
                 * @description rooms: rooms that the user has left, and relationships that have ended. messages: messages of the user, once it has finished.
                 */
                erased: number;
                /** @description null: not yet. A service has finished a minute after the deletion at the earliest. */
                finishedAt: components["schemas"]["Time"] | null;
            }[];
        };
        Membership: {
            /** Format: uuid */
            roomId: string;
            /** @description Who has joined, in the order of joining; empty where the room is large. */
            audience: string[];
            /** Format: int64 */
            membershipVersion: number;
            /** @description The room is large. */
            wholeRoom?: boolean;
            /**
             * Format: int64
             * @description As membershipVersion, for older versions of messages.
             */
            version?: number;
            /** @description As audience, for older versions of messages. */
            members?: {
                /** Format: uuid */
                id: string;
                /** @enum {string} */
                membershipStatus: "Joined";
            }[];
            /** @description Whether members see of the timeline only what came since they joined. */
            sinceJoining?: boolean;
        };
        UserAnswer: {
            /** Format: uuid */
            id: string;
            /** @description Empty: that without a name. */
            tenant: string;
            /** @description The name that others see. */
            displayName?: string;
        };
        UsersQuestion: {
            users: string[];
        };
        UsersAnswer: {
            users: components["schemas"]["UserAnswer"][];
        };
        Standing: {
            /** Format: uuid */
            roomId: string;
            /** Format: int64 */
            version: number;
            /** Format: uuid */
            userId: string;
            /** @enum {string} */
            status: "Joined" | "Left";
            /**
             * Format: uuid
             * @description The message with which the part of the timeline begins that the user may read.
             */
            from?: string;
            /**
             * Format: uuid
             * @description The message with which it ends.
             */
            to?: string;
        };
        /**
         * Format: date-time
         * @description RFC 3339, in UTC, always with six decimals and Z. So the order of texts is the order of times.
         */
        Time: string;
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
        /** @description `user-not-found`: there is no such user, or it is of another tenant; the answer is the same. */
        UserNotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid-cursor`: the cursor is made up, or of another caller or list. */
        InvalidCursor: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `invalid-request`: well-formed, but not allowed; detail says what. */
        InvalidRequest: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `other-tenant`: the token is of another tenant than the one that the caller has come from before. `user-deleted`: the caller was deleted by the backend. */
        OtherTenant: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `forbidden`: the token is not the backend's; `other-tenant`: the user is, or is to be, of another tenant than it may write. */
        NotTheBackend: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `budget-exhausted`: the caller has done as much of this kind as it may in an hour (ISM_ROOMS_…_PER_HOUR). `rate-limited`: it asks for more than it may, of all requests or of this kind (ISM_HTTP_RATE_…). Again after Retry-After. */
        BudgetExhausted: {
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
        /** @description `invalid-id`: what should be a UUID is none. */
        InvalidID: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description Try again after Retry-After. `store-unavailable`: the rooms cannot be reached now. `issuer-unavailable`: the keys that tokens are verified with have not been fetched yet. `timeout`: the request took too long. `not-caught-up`: caughtUp was asked for, and the rooms are behind the messages. */
        Unavailable: {
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
        UserID: string;
        /**
         * @description Whether to wait, three seconds at most, until the answer has all messages that the log has when it is asked. A client that has just opened a
         *     stream asks so: what the stream does not give, the answer then has.
         */
        CaughtUp: true;
        /** @description X-Next-Cursor of the page before, of the same caller and list. */
        Cursor: string;
        Limit: number;
    };
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
    listRooms: {
        parameters: {
            query?: {
                limit?: number;
                /** @description From the Link of the page before. */
                cursor?: string;
                /** @description Only rooms of this type. */
                type?: "Single" | "Group";
                /** @description Only rooms that are unread. */
                unread?: true;
                /**
                 * @description Whether to wait, three seconds at most, until the answer has all messages that the log has when it is asked. A client that has just opened a
                 *     stream asks so: what the stream does not give, the answer then has.
                 */
                caughtUp?: components["parameters"]["CaughtUp"];
            };
            header?: {
                /** @description ETags of what the client has. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The rooms. */
            200: {
                headers: {
                    ETag?: string;
                    /** @description `</api/rooms?…>; rel="next"`, where there is another page. */
                    Link?: string;
                    /** @description The cursor of that page. */
                    "X-Next-Cursor"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Room"][];
                };
            };
            /** @description The client has it already. */
            304: {
                headers: {
                    ETag?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-cursor`: it was made up, or is another caller's or list's. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            /** @description `invalid-request`: a parameter is not as described. */
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
            503: components["responses"]["Unavailable"];
        };
    };
    getUnread: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The sums. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UnreadTotals"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getCaller: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The caller. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getSettings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The settings. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    putSettings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Settings"];
            };
        };
        responses: {
            /** @description The settings as they are now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
            400: components["responses"]["MalformedJSON"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid-request`: readReceipts is missing. */
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
            503: components["responses"]["Unavailable"];
        };
    };
    createRoom: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateRoom"];
            };
        };
        responses: {
            /** @description The room as the caller sees it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Room"];
                };
            };
            400: components["responses"]["MalformedJSON"];
            401: components["responses"]["Unauthorized"];
            /** @description `user-blocked`: the other user of a Single room has blocked the caller or is blocked, or so are all others of a Group. `invitation-not-allowed`: ISM_ROOMS_INVITES does not let the caller draw one of the users into a room. `other-tenant`: the token is of another tenant than the one that the caller has come from before. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `room-exists`: the two users have a Single room already; detail names its id. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid-request`: well-formed, but not allowed; detail says what. `unknown-user`: an invited user has never been seen; detail names up to ten. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["BudgetExhausted"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    findSingleRoom: {
        parameters: {
            query: {
                /** @description The other user. */
                withUser: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The room's id, or null if the two have none. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string | null;
                };
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getRoom: {
        parameters: {
            query?: {
                /**
                 * @description Whether to wait, three seconds at most, until the answer has all messages that the log has when it is asked. A client that has just opened a
                 *     stream asks so: what the stream does not give, the answer then has.
                 */
                caughtUp?: components["parameters"]["CaughtUp"];
            };
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The room. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Room"];
                };
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            404: components["responses"]["RoomNotFound"];
            /** @description `invalid-request`: a parameter is not as described. */
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
            503: components["responses"]["Unavailable"];
        };
    };
    renameRoom: {
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
                "application/json": components["schemas"]["Renaming"];
            };
        };
        responses: {
            /** @description The room. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PublicRoom"];
                };
            };
            /** @description `invalid-id`: the path has no UUID; `malformed-json`, as elsewhere. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            404: components["responses"]["RoomNotFound"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid-request`: well-formed, but not allowed; detail says what. `single-room`: it is a Single room. */
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
            503: components["responses"]["Unavailable"];
        };
    };
    getRoomDetailed: {
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
            /** @description The room. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DetailedRoom"];
                };
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    listMembers: {
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
            /** @description The members. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Member"][];
                };
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    markRead: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["Mark"];
            };
        };
        responses: {
            /** @description Marked. The body is empty. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-id`: what should be a UUID is none. `malformed-json`: as everywhere. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            /** @description `room-not-found`: there is no such room, or the caller is not in it; the answer is the same. `message-not-found`: the room has no such message, or has had it too long ago. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid-request`: messageId is no UUID, position is none, or both are there. */
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
            503: components["responses"]["Unavailable"];
        };
    };
    leaveRoom: {
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
            /** @description Left. The body is empty. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    inviteUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user is in the room. The body is empty. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            /** @description `user-blocked`: one of the two has blocked the other. `invitation-not-allowed`: ISM_ROOMS_INVITES does not let the caller draw the user into a room. `other-tenant`: the token is of another tenant than the one that the caller has come from before. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["RoomNotFound"];
            /** @description `already-member`: the user is in the room. `room-full`: it has as many members as ISM_ROOMS_MAX_MEMBERS allows. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `single-room`: nobody can be invited into a Single room. `unknown-user`: the user has never been seen. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["BudgetExhausted"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    searchUsers: {
        parameters: {
            query: {
                username: string;
                /** @description nextCursor of the page before, of the same caller and username. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserPage"];
                };
            };
            400: components["responses"]["InvalidCursor"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    listFriends: {
        parameters: {
            query?: {
                /** @description X-Next-Cursor of the page before, of the same caller and list. */
                cursor?: components["parameters"]["Cursor"];
                limit?: components["parameters"]["Limit"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The users. Where there are more, Link and X-Next-Cursor say where they are. */
            200: {
                headers: {
                    Link?: string;
                    "X-Next-Cursor"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"][];
                };
            };
            400: components["responses"]["InvalidCursor"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    listFriendRequests: {
        parameters: {
            query?: {
                /** @description X-Next-Cursor of the page before, of the same caller and list. */
                cursor?: components["parameters"]["Cursor"];
                limit?: components["parameters"]["Limit"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The users. Where there are more, Link and X-Next-Cursor say where they are. */
            200: {
                headers: {
                    Link?: string;
                    "X-Next-Cursor"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"][];
                };
            };
            400: components["responses"]["InvalidCursor"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    listBlocked: {
        parameters: {
            query?: {
                /** @description X-Next-Cursor of the page before, of the same caller and list. */
                cursor?: components["parameters"]["Cursor"];
                limit?: components["parameters"]["Limit"];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The users. Where there are more, Link and X-Next-Cursor say where they are. */
            200: {
                headers: {
                    Link?: string;
                    "X-Next-Cursor"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"][];
                };
            };
            400: components["responses"]["InvalidCursor"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RelatedUser"];
                };
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            404: components["responses"]["UserNotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    addFriend: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How the caller stands to the user now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RelationshipState"];
                };
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            /** @description `user-blocked`: one of the two has blocked the other. `other-tenant`: the caller's token is of another tenant than the caller. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            404: components["responses"]["UserNotFound"];
            /** @description `too-many-friend-requests`: the caller waits for 1,000 answers, or the user for that many to answer; `too-many-friends`: one of the two has 1,000 friends. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["BudgetExhausted"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    acceptFriendRequest: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How the caller stands to the user now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RelationshipState"];
                };
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            /** @description `request-not-found`: the user has not asked the caller. `user-not-found`: there is no such user. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too-many-friends`: one of the two has 1,000 friends. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    rejectFriendRequest: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How the caller stands to the user now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RelationshipState"];
                };
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            /** @description `request-not-found`: the user has not asked the caller. `user-not-found`: there is no such user. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    removeFriend: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How the caller stands to the user now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RelationshipState"];
                };
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            /** @description `friend-not-found`: the user is no friend, and has not been asked. `user-not-found`: there is no such user. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    blockUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How the caller stands to the user now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RelationshipState"];
                };
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            404: components["responses"]["UserNotFound"];
            /** @description `too-many-blocked`: the caller has blocked 10,000 users. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    unblockUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How the caller stands to the user now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RelationshipState"];
                };
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["OtherTenant"];
            404: components["responses"]["UserNotFound"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    putUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Profile"];
            };
        };
        responses: {
            /** @description The user. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description `invalid-id`: the path has no UUID; `malformed-json`, as elsewhere. */
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
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    deleteUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The receipt. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Erasure"];
                };
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NotTheBackend"];
            404: components["responses"]["UserNotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    signOutUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The log has it, or it is stored and will be told. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NotTheBackend"];
            404: components["responses"]["UserNotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    backchannelLogout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-www-form-urlencoded": {
                    logout_token: string;
                };
            };
        };
        responses: {
            /** @description The log has it, or it is stored and will be told. */
            200: {
                headers: {
                    "Cache-Control"?: string;
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-logout-token`: there is none, or none that counts here. Why is in the log of the service. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    exportUser: {
        parameters: {
            query?: {
                /** @description X-Next-Cursor of the part before. */
                cursor?: string;
            };
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
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
                    "application/x-ndjson": components["schemas"]["ExportLine"];
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
            404: components["responses"]["UserNotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getErasure: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                erasure_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The receipt. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Erasure"];
                };
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NotTheBackend"];
            /** @description `erasure-not-found`: there is no such erasure, or it is of another tenant. */
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
            503: components["responses"]["Unavailable"];
        };
    };
    syncUsers: {
        parameters: {
            query?: {
                /** @description The number of the first line, for the report. */
                firstLine?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/x-ndjson": components["schemas"]["SyncLine"];
            };
        };
        responses: {
            /** @description What has come of each line. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SyncReport"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NotTheBackend"];
            413: components["responses"]["BodyTooLarge"];
            /** @description `unsupported-media-type`: the body is not `application/x-ndjson`, or is compressed. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            422: components["responses"]["InvalidRequest"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    listOverviews: {
        parameters: {
            query?: {
                user?: string;
                /** @description nextCursor of the page before, of the same tenant and user. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OverviewPage"];
                };
            };
            /** @description `invalid-id`: user is no UUID; `invalid-cursor`: the cursor is made up, or of another list. */
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
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    createRoomForOthers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateRoom"];
            };
        };
        responses: {
            /** @description The room. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RoomOverview"];
                };
            };
            400: components["responses"]["MalformedJSON"];
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's; `user-blocked`: one of the two of a Single room has blocked the other. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `room-exists`: the two users have a Single room already; detail names its id. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid-request`: well-formed, but not allowed; `unknown-user`: a user has never been seen, or is of another tenant. */
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
            503: components["responses"]["Unavailable"];
        };
    };
    getOverview: {
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
            /** @description The room. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RoomOverview"];
                };
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NotTheBackend"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    endRoom: {
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
            /** @description Ended. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NotTheBackend"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    addMember: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user is in the room. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NotTheBackend"];
            404: components["responses"]["RoomNotFound"];
            /** @description `already-member`: the user is in the room. `room-full`: it has as many members as ISM_ROOMS_MAX_MEMBERS allows. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `single-room`: it is a Single room. `unknown-user`: the user has never been seen, or is of another tenant. */
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
            503: components["responses"]["Unavailable"];
        };
    };
    removeMember: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user is in the room no longer. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            400: components["responses"]["InvalidID"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["NotTheBackend"];
            404: components["responses"]["RoomNotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getMembership: {
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
            /** @description The membership. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Membership"];
                };
            };
            400: components["responses"]["InvalidID"];
            /** @description `room-not-found`: there is no such room. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            500: components["responses"]["Internal"];
            /** @description `store-unavailable`, `timeout`: try again after Retry-After. */
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
    getStanding: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The standing. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Standing"];
                };
            };
            400: components["responses"]["InvalidID"];
            /** @description `room-not-found`: there is no such room, or the user has never been in it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            500: components["responses"]["Internal"];
            /** @description `store-unavailable`, `timeout`: try again after Retry-After. */
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
    putPicture: {
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
                "application/json": {
                    /** Format: uuid */
                    userId: string;
                    /** @description Whether it is a backend's token. */
                    backend?: boolean;
                    /** @description Of a backend's token. */
                    tenant?: string;
                    /** @description An http or https URL of at most 2,048 bytes. */
                    imageUrl: string;
                };
            };
        };
        responses: {
            /** @description The room has it. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-id`, `malformed-json`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `room-not-found`: there is no such room for who has uploaded it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid-request`: it is no address of a picture. `single-room`: it is a Single room. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            500: components["responses"]["Internal"];
            /** @description `store-unavailable`, `timeout`: try again after Retry-After. */
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
    getTenant: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The user. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UserAnswer"];
                };
            };
            400: components["responses"]["InvalidID"];
            404: components["responses"]["UserNotFound"];
            500: components["responses"]["Internal"];
            /** @description `store-unavailable`, `timeout`: try again after Retry-After. */
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
    getUnreadOfUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The totals; of a user whom rooms does not know they are 0. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** Format: uuid */
                        userId: string;
                        unreadRooms: number;
                        unreadMessages: number;
                    };
                };
            };
            400: components["responses"]["InvalidID"];
            500: components["responses"]["Internal"];
            /** @description `store-unavailable`, `timeout`: try again after Retry-After. */
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
    getTenants: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UsersQuestion"];
            };
        };
        responses: {
            /** @description Those of the users that there are, in any order. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsersAnswer"];
                };
            };
            400: components["responses"]["MalformedJSON"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            422: components["responses"]["InvalidRequest"];
            500: components["responses"]["Internal"];
            /** @description `store-unavailable`, `timeout`: try again after Retry-After. */
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
