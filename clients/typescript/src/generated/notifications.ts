// Generated from services/notifications/api/openapi.yaml by `npm run generate`. Do not edit.
export interface paths {
    "/api/notifications": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The user's inbox.
         * @description What happened to the user: notifications of backends, requests of friends and their acceptance, rooms that the user has come into or gone from. Each is
         *     what the user's streams have shown, with a few fields more. Messages are none of it.
         *
         *     Without a point the newest come first. With `timestamp` or `cursor` what came since then comes, the oldest first: `X-Next-Cursor`, and the Link header, say
         *     where to go on, also where nothing is there yet. Something is in the inbox shortly after it is on streams: some 400 ms.
         */
        get: operations["listNotifications"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/notifications/unread": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How many notifications of the inbox the user has not read. */
        get: operations["countUnreadNotifications"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/notifications/read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Marks notifications as read.
         * @description All up to a cursor, of an entry or of a page, or single ones. Marks never go back; what is not in the inbox is passed over. The event `NotificationsRead`
         *     says it on all streams of the user.
         */
        post: operations["readNotifications"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/notify": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The user's inbox, by its name in the ISM wire.
         * @description What happened to the user: notifications of backends, requests of friends and their acceptance, rooms that the user has come into or gone from. Each is
         *     what the user's streams have shown, with a few fields more. Messages are none of it.
         *
         *     Without a point the newest come first. With `timestamp` or `cursor` what came since then comes, the oldest first: `X-Next-Cursor`, and the Link header, say
         *     where to go on, also where nothing is there yet. Something is in the inbox shortly after it is on streams: some 400 ms.
         */
        get: operations["listNotificationsOfOldClients"];
        put?: never;
        /**
         * Tells users something, by a backend's token.
         * @description Each of the users gets the server-sent event `SystemMessage`, with the `message` as it is here and an id of its own, on every stream that is open or
         *     resumed within its window. A user's notifications come in the order in which they were answered. The answer comes once none can be lost on the way to
         *     streams.
         *
         *     A body of the type `application/x-ndjson` is a batch: each line has such an object, at most 1,000 of them. The answer is 200, with a line for each that says
         *     what an answer to it alone would say. A bad line does not stop the others. What users are told is in the order of the lines; behind a line that Kafka did
         *     not take no others are begun. A line may have an `id`, which is its own `Idempotency-Key`; where it has none, that of the batch and the line's number name it.
         *
         *     With an `Idempotency-Key` the ids follow from the key, the backend and the user: so a request that is sent again, on whichever node, has the same ids, and
         *     streams show each once, as long as edges remember it, which is at least as long as a stream can be resumed.
         *
         *     `createdAt` of the ISM wire may be there and is passed over: it is when the notification was taken.
         *
         *     A backend of a tenant tells users of its own tenant something, and to it all others are unknown. One of no tenant tells any user, also one who is still
         *     to come for the first time, unless the installation refuses users who are unknown.
         */
        post: operations["notify"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/hooks/{source}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tells users something, by a webhook that is signed.
         * @description For whoever can send webhooks and has no token: as [Standard Webhooks 1.0.0](https://www.standardwebhooks.com) has it. The installation knows the sources
         *     that may, by `ISM_NOTIFICATIONS_HOOKS`, each with its secret. The body is the object of `POST /api/notify`, or a CloudEvent 1.0 in structured JSON, whose
         *     `data` is that object. All else is as there, for a backend of no tenant.
         *
         *     The ids follow from the source, `webhook-id` and the user: a delivery that is tried again, or replayed within five minutes, has the same ids, and users are
         *     told once.
         */
        post: operations["takeWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists webhooks, by a backend's token. */
        get: operations["listWebhooks"];
        put?: never;
        /**
         * Makes a webhook: an endpoint that gets what happens.
         * @description Each event of the types that happens from then on, in the rooms, is posted to the URL, as `webhooks` below describes it: at once, and again, for some three
         *     days, until it is taken. How receivers verify it: docs/webhooks.md.
         */
        post: operations["createWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/webhooks/{webhook_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Gives a webhook, and how it is doing. */
        get: operations["getWebhook"];
        put?: never;
        post?: never;
        /** Deletes a webhook, with its deliveries. */
        delete: operations["deleteWebhook"];
        options?: never;
        head?: never;
        /** Changes a webhook; what is missing stays as it is. */
        patch: operations["updateWebhook"];
        trace?: never;
    };
    "/api/admin/webhooks/{webhook_id}/pause": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Pauses a webhook: what happens is kept for it, for as long as deliveries are, and sent when it is resumed. */
        post: operations["pauseWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/webhooks/{webhook_id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Resumes a webhook that is paused or disabled, and sends what waits. What happened while it was disabled it does not get. */
        post: operations["resumeWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/webhooks/{webhook_id}/rotate-secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Gives a webhook another secret.
         * @description Until the overlap is over, webhooks are signed with the former ones as well: a receiver may verify with any of them. Without a body it is a day.
         */
        post: operations["rotateWebhookSecret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/webhooks/{webhook_id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends a webhook of type `dev.ism.webhook.tested`. */
        post: operations["testWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/webhooks/{webhook_id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sends again what happened in a range of time.
         * @description Deliveries that were given up, or those that were delivered where `state` says so; each under the same `webhook-id` as before. Those that are pending are
         *     sent by themselves.
         */
        post: operations["replayWebhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/webhooks/{webhook_id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists what was and is to be sent, the newest first. */
        get: operations["listWebhookDeliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/webhooks/{webhook_id}/deliveries/{delivery_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Gives a delivery with its attempts. */
        get: operations["getWebhookDelivery"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/webhooks/{webhook_id}/deliveries/{delivery_id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Sends a delivery again, under the same `webhook-id`. */
        post: operations["replayWebhookDelivery"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/users/{user_id}/notifications": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A user's inbox, as the user sees it, by a backend's token.
         * @description As `GET /api/notifications` is to the user. Nothing is marked as read by it. A backend whose token is of a tenant sees inboxes of that tenant's users; one of no
         *     tenant those of all, also of who is no user yet.
         */
        get: operations["listNotificationsOfUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/users/{user_id}/notifications/unread": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How many notifications of a user's inbox the user has not read, by a backend's token. */
        get: operations["countUnreadNotificationsOfUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/users/{user_id}/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A user's devices, as the user sees them, by a backend's token. Tokens and subscriptions are told to nobody. */
        get: operations["listDevicesOfUser"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/admin/users/{user_id}/devices/{device_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Deletes a user's device, also one that is not there, by a backend's token.
         * @description The user's app registers it again at its next start: whoever is to be told nothing more must be signed out there.
         */
        delete: operations["deleteDeviceOfUser"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/devices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The user's devices, those that were registered last at the end. */
        get: operations["listDevices"];
        put?: never;
        /**
         * Registers a device, or registers it again.
         * @description Where the user is told of what happens while no stream of the user is open: a browser's Web Push subscription, or a token for the operator's own sender. Of more
         *     than 20 devices those go that were not registered for the longest time, so apps register at each start. A browser or a token is one device: another user
         *     who registers it takes it over.
         */
        post: operations["registerDevice"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/devices/vapid": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The key with which browsers subscribe, their `applicationServerKey`. */
        get: operations["showVAPIDKey"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/devices/{device_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Deletes a device, also one that is not there. */
        delete: operations["deleteDevice"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/notify/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the user is told by push. */
        get: operations["showPushSettings"];
        /** Sets what the user is told by push, of all rooms or of one. */
        put: operations["putPushSetting"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface webhooks {
    "dev.ism.message.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A message was posted to a room, also by a backend. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.message.created"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.message.edited": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A message has another content. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.message.edited"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.message.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A message was deleted. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.message.deleted"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.room.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A room was created. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.room.created"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.room.changed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A room has another name or picture. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.room.changed"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.room.ended": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Nobody is in a room any more, and nobody will be. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.room.ended"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.room.read": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A member has read a room. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.room.read"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.members.joined": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Users have joined a room. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.members.joined"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.members.left": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Users have left a room. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.members.left"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.friend.requested": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A user asks another to be friends. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.friend.requested"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.friend.accepted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A user has accepted another as a friend. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.friend.accepted"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.user.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A user was deleted; its data is being erased. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.user.deleted"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.user.erased": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A service has erased what it had of a deleted user. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.user.erased"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.notification.sent": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A backend has told a user something. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.notification.sent"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.push.requested": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Users who have no open stream are to be told of something, by a sender of yours. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.push.requested"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.webhook.failing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Another webhook has taken nothing for a day, or is disabled within a day. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.webhook.failing"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.webhook.disabled": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Another webhook is disabled. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.webhook.disabled"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "dev.ism.webhook.tested": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A backend tests its endpoint. It is no type to subscribe to. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/cloudevents+json": components["schemas"]["dev.ism.webhook.tested"];
                };
            };
            responses: {
                /** @description Any status of 2xx takes it; 410 disables the endpoint; any other, and none within 15 seconds, has it sent again. */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content?: never;
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface components {
    schemas: {
        /** @description Each user is told, as soon as a stream is there to take it. */
        Notified: {
            notifications: components["schemas"]["NotifiedUser"][];
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
        /**
         * @description A notification in the user's inbox: what the user's streams have shown, of type SystemMessage, FriendRequestReceived, FriendRequestAccepted, NewRoom or
         *     LeaveRoom, with its fields, and those that are named here.
         */
        InboxEntry: {
            /** Format: uuid */
            notificationId: string;
            /** @description Where it is in the inbox, to read on from there, or to mark what is up to there as read. */
            cursor: string;
            read: boolean;
        } & {
            [key: string]: unknown;
        };
        UnreadNotifications: {
            /** @description 1000: as many or more. */
            unreadCount: number;
        };
        /** @description Either upTo or notificationIds. */
        ReadRequest: {
            /** @description A cursor of the inbox: all up to it are read. */
            upTo?: string | null;
            notificationIds?: string[] | null;
        };
        /** @description An object as one alone has it, and its name. */
        NotifyLine: components["schemas"]["NotifyRequest"] & {
            /** @description The line's own Idempotency-Key. No two lines have the same. */
            id?: string;
        };
        NotifiedLine: {
            /** @description Its number in the request. */
            line: number;
            /** @description 202, or that of the problem. */
            status: number;
            /** @description With 202. */
            notifications?: components["schemas"]["NotifiedUser"][];
            /** @description With any other status, of the problem. */
            code?: string;
            /** @description With any other status, of the problem. */
            detail?: string;
        };
        /** @description A CloudEvent 1.0 in structured JSON. Other attributes may be there. */
        NotifyEvent: {
            /** @enum {string} */
            specversion: "1.0";
            id: string;
            source: string;
            /** @description Of any name. */
            type: string;
            data: components["schemas"]["NotifyRequest"];
        };
        /** @description Either toUser or toUsers. */
        NotifyRequest: {
            /** Format: uuid */
            toUser?: string | null;
            /** @description Each is told once, however often it is named. */
            toUsers?: string[] | null;
            /** @enum {string} */
            type: "SystemMessage";
            /** @description What they are told: any object of at most 65,536 bytes. */
            message: {
                [key: string]: unknown;
            };
            /** @description For how many seconds it is worth something, from when it is taken: then nobody is shown it any more. Missing: for as long as it is kept. */
            ttl?: number | null;
        };
        /**
         * Format: date-time
         * @description RFC 3339, in UTC, always with six decimals and Z. So the order of texts is the order of times.
         */
        Time: string;
        Webhook: {
            /** Format: uuid */
            id: string;
            url: string;
            description: string;
            types: string[];
            /** @description None: all. */
            rooms: string[];
            /** @enum {string} */
            signature: "v1" | "v1a";
            ordered: boolean;
            concurrency: number;
            /** @enum {string} */
            status: "active" | "paused" | "disabled";
            /**
             * @description Why it is disabled: it has answered 410, or taken nothing for days.
             * @enum {string|null}
             */
            reason: "gone" | "failing" | null;
            createdAt: components["schemas"]["Time"];
            updatedAt: components["schemas"]["Time"];
            /** @description How many attempts in a row have failed. */
            failures: number;
            failingSince: components["schemas"]["Time"] | null;
            /** @description As it is failing, nothing is sent before, and then one webhook. */
            pausedUntil: components["schemas"]["Time"] | null;
        };
        WebhookWithSecret: components["schemas"]["Webhook"] & {
            /** @description What the receiver verifies with: `whsec_…`, which is secret, or of v1a `whpk_…`, which is not. */
            secret: string;
        };
        WebhookPage: {
            nextCursor: string | null;
            content: components["schemas"]["Webhook"][];
        };
        /** @description null is as if it was missing, also in place of the whole. */
        WebhookRequest: {
            /** @description Of https, without a user name or a fragment. */
            url?: string | null;
            description?: string | null;
            types?: ("dev.ism.friend.accepted" | "dev.ism.friend.requested" | "dev.ism.members.joined" | "dev.ism.members.left" | "dev.ism.message.created" | "dev.ism.message.deleted" | "dev.ism.message.edited" | "dev.ism.notification.sent" | "dev.ism.push.requested" | "dev.ism.room.changed" | "dev.ism.room.created" | "dev.ism.room.ended" | "dev.ism.room.read" | "dev.ism.user.deleted" | "dev.ism.user.erased" | "dev.ism.webhook.disabled" | "dev.ism.webhook.failing")[] | null;
            /** @description What happens in these alone; then all types are of rooms. Missing or empty: everything. */
            rooms?: string[] | null;
            /**
             * @description v1: HMAC-SHA256; v1a: Ed25519. It cannot be changed.
             * @default v1
             * @enum {string|null}
             */
            signature: "v1" | "v1a" | null;
            /**
             * @description Webhooks of a room are sent in the room's order, each when the one before was taken or given up.
             * @default false
             */
            ordered: boolean | null;
            /**
             * @description How many webhooks are sent to it at once, at most.
             * @default 5
             */
            concurrency: number | null;
        } | null;
        RotateRequest: {
            /** @default 86400 */
            overlapSeconds: number | null;
        } | null;
        RotatedSecret: {
            secret: string;
            /** @description Until when webhooks are signed with the former secret, too. */
            formerUntil: components["schemas"]["Time"];
        };
        ReplayRequest: {
            /** @description What happened from then on. */
            since: components["schemas"]["Time"];
            /** @description And before then. Missing: until now. */
            until?: components["schemas"]["Time"] | null;
            /**
             * @default given-up
             * @enum {string|null}
             */
            state: "delivered" | "given-up" | null;
        };
        Replayed: {
            replayed: number;
            next: components["schemas"]["Time"] | null;
        };
        WebhookDelivery: {
            /** Format: uuid */
            id: string;
            /**
             * Format: uuid
             * @description The `id` of the event, and the header `webhook-id`.
             */
            eventId: string;
            type: string;
            /** Format: uuid */
            roomId: string | null;
            happenedAt: components["schemas"]["Time"];
            /** @enum {string} */
            state: "pending" | "delivered" | "given-up";
            attempts: number;
            /** @description When it is sent again. */
            nextAt: components["schemas"]["Time"] | null;
            /** @description Of the last answer; null: there was none. */
            status: number | null;
            /** @description Why there was none. */
            error: string | null;
        };
        WebhookDeliveryDetails: components["schemas"]["WebhookDelivery"] & {
            /** @description The attempts, the oldest first. */
            log: {
                number: number;
                at: components["schemas"]["Time"];
                tookMs: number;
                status: number | null;
                error: string | null;
                /** @description The first 1,024 bytes of the answer's. */
                body: string;
            }[];
        };
        WebhookDeliveryPage: {
            nextCursor: string | null;
            content: components["schemas"]["WebhookDelivery"][];
        };
        /** @description A CloudEvent 1.0 in JSON. `id` is also in the header `webhook-id`, and stays the same whenever the webhook is sent again: who has taken it passes over it. */
        WebhookEvent: {
            /** @enum {string} */
            specversion: "1.0";
            /** Format: uuid */
            id: string;
            /** @enum {string} */
            source: "/ism/rooms" | "/ism/messages" | "/ism/notifications";
            type: string;
            /**
             * Format: uuid
             * @description The room, else the user, or the webhook, that it is about.
             */
            subject: string;
            /** @description When it happened. */
            time: components["schemas"]["Time"];
            /** @enum {string} */
            datacontenttype: "application/json";
            /**
             * Format: uuid
             * @description An extension: the room, where it is about one.
             */
            roomid?: string;
            /** @description An extension: the tenant, where the event has it. Missing of messages: look at the room. */
            tenant?: string;
            data: Record<string, never>;
        } & {
            [key: string]: unknown;
        };
        WebhookMessage: {
            /** Format: uuid */
            roomId: string;
            message: components["schemas"]["Message"];
        };
        WebhookRoomCreatedData: {
            /** Format: uuid */
            roomId: string;
            room: components["schemas"]["PublicRoom"];
            /** Format: uuid */
            createdBy: string;
            /** @description The members, a hundred at most. */
            userIds: string[];
            /** @description There are more members: dev.ism.members.joined follows with them. */
            more: boolean;
        };
        WebhookRoomChangedData: {
            /** Format: uuid */
            roomId: string;
            room: components["schemas"]["PublicRoom"];
            /**
             * Format: uuid
             * @description The member; null: a backend.
             */
            changedBy: string | null;
        };
        WebhookRoomEndedData: {
            /** Format: uuid */
            roomId: string;
        };
        WebhookRoomReadData: {
            /** Format: uuid */
            roomId: string;
            /** Format: uuid */
            userId: string;
            readAt: components["schemas"]["Time"];
            /**
             * Format: uuid
             * @description Up to where; null where others may not know.
             */
            messageId: string | null;
        };
        WebhookMembers: {
            /** Format: uuid */
            roomId: string;
            userIds: string[];
            /** @description The message of the room's timeline that says so; null for those with whom a room was created. */
            message: components["schemas"]["Message"] | null;
        };
        WebhookFriend: {
            /** @description Who asks, or has accepted. */
            fromUser: components["schemas"]["User"];
            /**
             * Format: uuid
             * @description Who was asked, or had asked.
             */
            toUserId: string;
        };
        WebhookUserDeletedData: {
            /** Format: uuid */
            userId: string;
            /**
             * Format: uuid
             * @description See GET /api/admin/erasures/{id} of rooms.
             */
            erasureId: string;
        };
        WebhookUserErasedData: {
            /** Format: uuid */
            userId: string;
            /** Format: uuid */
            erasureId: string;
            service: string;
            erased: number;
            finishedAt: components["schemas"]["Time"];
        };
        WebhookNotificationSentData: {
            /** Format: uuid */
            notificationId: string;
            /** Format: uuid */
            userId: string;
            message: {
                [key: string]: unknown;
            };
        };
        /** @description What a record of the topic ISM_NOTIFICATIONS_PUSH_TOPIC says, too. */
        WebhookPushRequestedData: {
            to_user: string[];
            /** @description The event as streams show it. */
            notification: {
                type: string;
            } & {
                [key: string]: unknown;
            };
            /** @description Those of the users that have tokens. Where the users have many, there are several webhooks, and each user is in one. */
            devices?: {
                /** Format: uuid */
                userId: string;
                deviceId: string;
                /** @enum {string} */
                kind: "Fcm" | "Apns";
                token: string;
            }[];
        };
        WebhookFailingData: {
            /** Format: uuid */
            webhookId: string;
            description: string;
            failingSince: components["schemas"]["Time"];
            /** @description In a row. */
            failures: number;
            /** @description When it is disabled, at the earliest, if it takes nothing until then. */
            disabledAt: components["schemas"]["Time"];
        };
        WebhookDisabledData: {
            /** Format: uuid */
            webhookId: string;
            description: string;
            /** @enum {string} */
            reason: "gone" | "failing";
            failingSince: components["schemas"]["Time"];
        };
        WebhookTestedData: {
            /** Format: uuid */
            webhookId: string;
        };
        /** @description A message was posted to a room, also by a backend. */
        "dev.ism.message.created": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.message.created";
            data?: components["schemas"]["WebhookMessage"];
        };
        /** @description A message has another content. */
        "dev.ism.message.edited": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.message.edited";
            data?: components["schemas"]["WebhookMessage"];
        };
        /** @description A message was deleted. */
        "dev.ism.message.deleted": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.message.deleted";
            data?: components["schemas"]["WebhookMessage"];
        };
        /** @description A room was created. */
        "dev.ism.room.created": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.room.created";
            data?: components["schemas"]["WebhookRoomCreatedData"];
        };
        /** @description A room has another name or picture. */
        "dev.ism.room.changed": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.room.changed";
            data?: components["schemas"]["WebhookRoomChangedData"];
        };
        /** @description Nobody is in a room any more, and nobody will be. */
        "dev.ism.room.ended": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.room.ended";
            data?: components["schemas"]["WebhookRoomEndedData"];
        };
        /** @description A member has read a room. */
        "dev.ism.room.read": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.room.read";
            data?: components["schemas"]["WebhookRoomReadData"];
        };
        /** @description Users have joined a room. */
        "dev.ism.members.joined": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.members.joined";
            data?: components["schemas"]["WebhookMembers"];
        };
        /** @description Users have left a room. */
        "dev.ism.members.left": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.members.left";
            data?: components["schemas"]["WebhookMembers"];
        };
        /** @description A user asks another to be friends. */
        "dev.ism.friend.requested": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.friend.requested";
            data?: components["schemas"]["WebhookFriend"];
        };
        /** @description A user has accepted another as a friend. */
        "dev.ism.friend.accepted": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.friend.accepted";
            data?: components["schemas"]["WebhookFriend"];
        };
        /** @description A user was deleted; its data is being erased. */
        "dev.ism.user.deleted": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.user.deleted";
            data?: components["schemas"]["WebhookUserDeletedData"];
        };
        /** @description A service has erased what it had of a deleted user. */
        "dev.ism.user.erased": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.user.erased";
            data?: components["schemas"]["WebhookUserErasedData"];
        };
        /** @description A backend has told a user something. */
        "dev.ism.notification.sent": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.notification.sent";
            data?: components["schemas"]["WebhookNotificationSentData"];
        };
        /** @description Users who have no open stream are to be told of something. */
        "dev.ism.push.requested": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.push.requested";
            data?: components["schemas"]["WebhookPushRequestedData"];
        };
        /** @description Another webhook is failing. */
        "dev.ism.webhook.failing": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.webhook.failing";
            data?: components["schemas"]["WebhookFailingData"];
        };
        /** @description Another webhook is disabled. */
        "dev.ism.webhook.disabled": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.webhook.disabled";
            data?: components["schemas"]["WebhookDisabledData"];
        };
        /** @description A backend tests its endpoint. It is no type to subscribe to. */
        "dev.ism.webhook.tested": components["schemas"]["WebhookEvent"] & {
            /** @enum {string} */
            type?: "dev.ism.webhook.tested";
            data?: components["schemas"]["WebhookTestedData"];
        };
        Device: {
            deviceId: string;
            /** @enum {string} */
            kind: "WebPush" | "Fcm" | "Apns";
            /**
             * Format: date-time
             * @description When it was registered last.
             */
            registeredAt: string;
        };
        /** @description A subscription for WebPush, a token for Fcm and Apns. */
        DeviceRequest: {
            /** @description What the client calls the device: visible characters of ASCII. */
            deviceId: string;
            /** @enum {string} */
            kind: "WebPush" | "Fcm" | "Apns";
            token?: string;
            /** @description A browser's PushSubscription, as its toJSON gives it. */
            subscription?: {
                /** Format: uri */
                endpoint: string;
                keys: {
                    p256dh: string;
                    auth: string;
                };
            };
        };
        VAPIDKey: {
            /** @description A public key of P-256, base64url. */
            publicKey: string;
        };
        PushSettings: {
            /** @enum {string} */
            level: "all" | "mentions" | "none";
            /** Format: date-time */
            mutedUntil: string | null;
            rooms: {
                /** Format: uuid */
                roomId: string;
                /** @enum {string} */
                level: "all" | "mentions" | "none" | "default";
                /** Format: date-time */
                mutedUntil: string | null;
            }[];
        };
        PushSettingRequest: {
            /**
             * Format: uuid
             * @description Without it: all rooms that have no level of their own.
             */
            roomId?: string | null;
            /**
             * @description `mentions`: of messages those that mention the user; `none`: nothing, for all rooms also no requests of friends and no new rooms; `default`, of a room: as for all.
             * @enum {string}
             */
            level: "all" | "mentions" | "none" | "default";
            /**
             * Format: date-time
             * @description Until then nothing is told; without it, or once it is over, that is.
             */
            mutedUntil?: string | null;
        };
        NotifiedUser: {
            /** Format: uuid */
            userId: string;
            /** Format: uuid */
            notificationId: string;
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
    };
    responses: {
        /** @description `store-unavailable`: inboxes cannot be reached now; `issuer-unavailable`: tokens cannot be verified yet; `timeout`. Ask again. */
        InboxUnavailable: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
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
        /** @description `store-unavailable`; `issuer-unavailable`: tokens cannot be verified yet; `timeout`. Try again. */
        WebhooksUnavailable: {
            headers: {
                "Retry-After": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/problem+json": components["schemas"]["Problem"];
            };
        };
        /** @description `store-unavailable`: devices and settings cannot be reached now; `issuer-unavailable`: tokens cannot be verified yet; `timeout`. Try again. */
        PushUnavailable: {
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
        UserID: string;
        WebhookID: string;
        DeliveryID: string;
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
    listNotifications: {
        parameters: {
            query?: {
                /** @description What happened later than this. */
                timestamp?: string;
                /** @description What stands behind this, or before it. It excludes timestamp. */
                cursor?: string;
                /** @description `newer`: the oldest first, on to newer ones, as is usual with a point; `older`: the newest first. */
                direction?: "older" | "newer";
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of the inbox. */
            200: {
                headers: {
                    /** @description Where to go on in the same direction; towards older ones only where there are more. */
                    "X-Next-Cursor"?: string;
                    /** @description Where to go on in the other direction. */
                    "X-Previous-Cursor"?: string;
                    /** @description Both, as RFC 8288 has it. */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InboxEntry"][];
                };
            };
            /** @description `invalid-cursor`, `invalid-timestamp`. */
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
            /** @description `invalid-request`: see `detail`. */
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
            503: components["responses"]["InboxUnavailable"];
        };
    };
    countUnreadNotifications: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description So many. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UnreadNotifications"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["InsufficientScope"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["InboxUnavailable"];
        };
    };
    readNotifications: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "notificationIds": [
                 *         "0192d3a0-0000-7000-8000-00000000000a"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["ReadRequest"];
            };
        };
        responses: {
            /** @description They are read, and so many are left. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UnreadNotifications"];
                };
            };
            /** @description `malformed-json`, as everywhere; `invalid-cursor`. */
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
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid-request`: see `detail`. */
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
             * @description `store-unavailable`: nothing is marked; `kafka-unavailable`: it is marked, and other devices may not have been told; `issuer-unavailable`; `timeout`.
             *     Mark it again.
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
    listNotificationsOfOldClients: {
        parameters: {
            query?: {
                /** @description What happened later than this. */
                timestamp?: string;
                /** @description What stands behind this, or before it. It excludes timestamp. */
                cursor?: string;
                /** @description `newer`: the oldest first, on to newer ones, as is usual with a point; `older`: the newest first. */
                direction?: "older" | "newer";
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of the inbox. */
            200: {
                headers: {
                    /** @description Where to go on in the same direction; towards older ones only where there are more. */
                    "X-Next-Cursor"?: string;
                    /** @description Where to go on in the other direction. */
                    "X-Previous-Cursor"?: string;
                    /** @description Both, as RFC 8288 has it. */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InboxEntry"][];
                };
            };
            /** @description `invalid-cursor`, `invalid-timestamp`. */
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
            /** @description `invalid-request`: see `detail`. */
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
            503: components["responses"]["InboxUnavailable"];
        };
    };
    notify: {
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
                 *       "toUser": "0192d3a0-0000-7000-8000-00000000000a",
                 *       "type": "SystemMessage",
                 *       "message": {
                 *         "order": 17,
                 *         "state": "sent"
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["NotifyRequest"];
                "application/x-ndjson": components["schemas"]["NotifyLine"];
            };
        };
        responses: {
            /** @description Of a batch, what has become of each line, in their order. Empty lines are passed over. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": components["schemas"]["NotifiedLine"];
                };
            };
            /** @description All of the users are told. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Notified"];
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
            /** @description `forbidden`: the token is not the backend's. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /**
             * @description `invalid-request`: something is missing, unknown or out of its limits, see `detail`; of a batch: there are no lines, or more than 1,000. `unknown-user`: some of the users are not there, or of another
             *     tenant than the backend; `detail` says how many and names the first. Nobody is told.
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
             * @description `kafka-unavailable`: the notification was not written and will not be, or, where there are several users, some may have been told;
             *     `rooms-unavailable`: it could not be looked up whether the users may be told, and nobody was;
             *     `issuer-unavailable`: tokens cannot be verified yet; `timeout`. Send it again, with an `Idempotency-Key`.
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
             * @description `outcome-unknown`: it was sent on, and its acknowledgement did not come in time. It may still be told. Sent again with the same `Idempotency-Key` it is
             *     told once.
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
    takeWebhook: {
        parameters: {
            query?: never;
            header: {
                /** @description The same in each attempt to deliver it. */
                "webhook-id": string;
                /** @description When this attempt was made: seconds since 1970. */
                "webhook-timestamp": string;
                /** @description HMAC-SHA256 of `webhook-id.webhook-timestamp.body`, in base64, behind `v1,`. Of several, a space between them, one must be of the source. */
                "webhook-signature": string;
            };
            path: {
                source: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NotifyRequest"] | components["schemas"]["NotifyEvent"];
                "application/cloudevents+json": components["schemas"]["NotifyEvent"];
            };
        };
        responses: {
            /** @description All of the users are told. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Notified"];
                };
            };
            /** @description `malformed-json`, as everywhere. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `bad-signature`: the request is not signed by the source, or there is no such source. `stale-timestamp`: it is, and its time is more than five minutes
             *     from now.
             */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /**
             * @description `invalid-request`: something is missing, unknown or out of its limits, see `detail`. `unknown-user`: some of the users are not there, where the
             *     installation refuses that. Nobody is told.
             */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            500: components["responses"]["Internal"];
            /**
             * @description `kafka-unavailable`: it was not written and will not be, or, where there are several users, some may have been told; `rooms-unavailable`; `timeout`.
             *     Deliver it again.
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
            /** @description `outcome-unknown`: it may still be told. Deliver it again: then it is told once. */
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
    listWebhooks: {
        parameters: {
            query?: {
                /** @description The nextCursor of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of them. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookPage"];
                };
            };
            /** @description `invalid-cursor`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's; `tenant-backend`: it is of a tenant, and in this version only a backend of no tenant can have webhooks. */
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
            503: components["responses"]["WebhooksUnavailable"];
        };
    };
    createWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "url": "https://shop.example.com/hooks/ism",
                 *       "types": [
                 *         "dev.ism.message.created"
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["WebhookRequest"];
            };
        };
        responses: {
            /** @description It is made. The secret is told here, and never again. */
            201: {
                headers: {
                    /** @description Where it is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookWithSecret"];
                };
            };
            /** @description `malformed-json`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's; `tenant-backend`: it is of a tenant, and in this version only a backend of no tenant can have webhooks. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `too-many-webhooks`: there are as many as the installation allows. */
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
            /** @description `invalid-request`: something is missing, unknown or out of its limits, see `detail`. URLs are of https, without a user name, and lead to the public internet, unless the installation allows more. */
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
            503: components["responses"]["WebhooksUnavailable"];
        };
    };
    getWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: components["parameters"]["WebhookID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhook. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            /** @description `invalid-id`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's; `tenant-backend`: it is of a tenant, and in this version only a backend of no tenant can have webhooks. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook-not-found`. */
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
            503: components["responses"]["WebhooksUnavailable"];
        };
    };
    deleteWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: components["parameters"]["WebhookID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is deleted: nothing more is sent, but what is under way. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-id`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's; `tenant-backend`: it is of a tenant, and in this version only a backend of no tenant can have webhooks. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook-not-found`. */
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
            503: components["responses"]["WebhooksUnavailable"];
        };
    };
    updateWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: components["parameters"]["WebhookID"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookRequest"];
            };
        };
        responses: {
            /** @description It is changed. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            /** @description `invalid-id`; `malformed-json`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's; `tenant-backend`: it is of a tenant, and in this version only a backend of no tenant can have webhooks. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook-not-found`. */
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
            /** @description `invalid-request`, see `detail`. */
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
            503: components["responses"]["WebhooksUnavailable"];
        };
    };
    pauseWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: components["parameters"]["WebhookID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhook. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            /** @description `invalid-id`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's; `tenant-backend`: it is of a tenant, and in this version only a backend of no tenant can have webhooks. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook-not-found`. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook-not-active`: it is disabled. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WebhooksUnavailable"];
        };
    };
    resumeWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: components["parameters"]["WebhookID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The webhook. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Webhook"];
                };
            };
            /** @description `invalid-id`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's; `tenant-backend`: it is of a tenant, and in this version only a backend of no tenant can have webhooks. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook-not-found`. */
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
            503: components["responses"]["WebhooksUnavailable"];
        };
    };
    rotateWebhookSecret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: components["parameters"]["WebhookID"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["RotateRequest"];
            };
        };
        responses: {
            /** @description The new secret, which is told here and never again. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RotatedSecret"];
                };
            };
            /** @description `invalid-id`; `malformed-json`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's; `tenant-backend`: it is of a tenant, and in this version only a backend of no tenant can have webhooks. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook-not-found`. */
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
            /** @description `invalid-request`. */
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
            503: components["responses"]["WebhooksUnavailable"];
        };
    };
    testWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: components["parameters"]["WebhookID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is on its way: the delivery says what becomes of it. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDelivery"];
                };
            };
            /** @description `invalid-id`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's; `tenant-backend`: it is of a tenant, and in this version only a backend of no tenant can have webhooks. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook-not-found`. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook-not-active`. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WebhooksUnavailable"];
        };
    };
    replayWebhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: components["parameters"]["WebhookID"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "since": "2026-11-23T00:00:00.000000Z",
                 *       "until": "2026-11-24T00:00:00.000000Z"
                 *     }
                 */
                "application/json": components["schemas"]["ReplayRequest"];
            };
        };
        responses: {
            /** @description They are on their way. Where there are more than 1,000, `next` is the `since` to ask with again. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Replayed"];
                };
            };
            /** @description `invalid-id`; `malformed-json`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's; `tenant-backend`: it is of a tenant, and in this version only a backend of no tenant can have webhooks. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook-not-found`. */
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
            /** @description `invalid-request`. */
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
            503: components["responses"]["WebhooksUnavailable"];
        };
    };
    listWebhookDeliveries: {
        parameters: {
            query?: {
                /** @description The nextCursor of the page before. */
                cursor?: string;
                /** @description Those of the state alone. */
                state?: "pending" | "delivered" | "given-up";
            };
            header?: never;
            path: {
                webhook_id: components["parameters"]["WebhookID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDeliveryPage"];
                };
            };
            /** @description `invalid-id`; `invalid-cursor`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's; `tenant-backend`: it is of a tenant, and in this version only a backend of no tenant can have webhooks. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook-not-found`. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid-request`: there is no such state. */
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
            503: components["responses"]["WebhooksUnavailable"];
        };
    };
    getWebhookDelivery: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: components["parameters"]["WebhookID"];
                delivery_id: components["parameters"]["DeliveryID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The delivery. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDeliveryDetails"];
                };
            };
            /** @description `invalid-id`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's; `tenant-backend`: it is of a tenant, and in this version only a backend of no tenant can have webhooks. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook-not-found`; `delivery-not-found`. */
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
            503: components["responses"]["WebhooksUnavailable"];
        };
    };
    replayWebhookDelivery: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                webhook_id: components["parameters"]["WebhookID"];
                delivery_id: components["parameters"]["DeliveryID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is on its way. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDelivery"];
                };
            };
            /** @description `invalid-id`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's; `tenant-backend`: it is of a tenant, and in this version only a backend of no tenant can have webhooks. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `webhook-not-found`; `delivery-not-found`. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `delivery-pending`: it is sent by itself. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["WebhooksUnavailable"];
        };
    };
    listNotificationsOfUser: {
        parameters: {
            query?: {
                /** @description What happened later than this. */
                timestamp?: string;
                /** @description What stands behind this, or before it. It excludes timestamp. */
                cursor?: string;
                /** @description `newer`: the oldest first, on to newer ones, as is usual with a point; `older`: the newest first. */
                direction?: "older" | "newer";
                limit?: number;
            };
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of the inbox. */
            200: {
                headers: {
                    /** @description Where to go on in the same direction; towards older ones only where there are more. */
                    "X-Next-Cursor"?: string;
                    /** @description Where to go on in the other direction. */
                    "X-Previous-Cursor"?: string;
                    /** @description Both, as RFC 8288 has it. */
                    Link?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["InboxEntry"][];
                };
            };
            /** @description `invalid-id`, `invalid-cursor`, `invalid-timestamp`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `user-not-found`: the token is of a tenant, and there is no such user of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid-request`: see `detail`. */
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
             * @description `rooms-unavailable`: it could not be looked up whether the user is of the token's tenant; `store-unavailable`; `issuer-unavailable`: tokens cannot be verified
             *     yet; `timeout`. Try again.
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
    countUnreadNotificationsOfUser: {
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
            /** @description So many. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UnreadNotifications"];
                };
            };
            /** @description `invalid-id`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `user-not-found`: the token is of a tenant, and there is no such user of it. */
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
            /**
             * @description `rooms-unavailable`: it could not be looked up whether the user is of the token's tenant; `store-unavailable`; `issuer-unavailable`: tokens cannot be verified
             *     yet; `timeout`. Try again.
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
    listDevicesOfUser: {
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
            /** @description At most 20, those that were registered last at the end. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"][];
                };
            };
            /** @description `invalid-id`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `user-not-found`: the token is of a tenant, and there is no such user of it. */
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
            /**
             * @description `rooms-unavailable`: it could not be looked up whether the user is of the token's tenant; `store-unavailable`; `issuer-unavailable`: tokens cannot be verified
             *     yet; `timeout`. Try again.
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
    deleteDeviceOfUser: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: components["parameters"]["UserID"];
                /** @description As it was registered, percent-encoded. */
                device_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Nobody is told there any more. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `invalid-id`. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            401: components["responses"]["Unauthorized"];
            /** @description `forbidden`: the token is not the backend's. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `user-not-found`: the token is of a tenant, and there is no such user of it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid-request`: it can be no device's id. */
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
             * @description `rooms-unavailable`: it could not be looked up whether the user is of the token's tenant; `store-unavailable`; `issuer-unavailable`: tokens cannot be verified
             *     yet; `timeout`. Try again.
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
    listDevices: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description At most 20. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"][];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["InsufficientScope"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["PushUnavailable"];
        };
    };
    registerDevice: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "deviceId": "phone",
                 *       "kind": "Fcm",
                 *       "token": "cXk:APA91bF"
                 *     }
                 */
                "application/json": components["schemas"]["DeviceRequest"];
            };
        };
        responses: {
            /** @description It is registered. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Device"];
                };
            };
            /** @description `malformed-json`, as everywhere. */
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
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid-request`: something is missing, unknown or out of its limits, see `detail`; `push-off`: in this installation nobody is told on devices of the kind. */
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
            503: components["responses"]["PushUnavailable"];
        };
    };
    showVAPIDKey: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It stays the same. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VAPIDKey"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["InsufficientScope"];
            /** @description `push-off`: there is no Web Push in this installation. */
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
            503: components["responses"]["PushUnavailable"];
        };
    };
    deleteDevice: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description As it was registered, percent-encoded. */
                device_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Nobody is told there any more. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["InsufficientScope"];
            /** @description `invalid-request`: it can be no device's id. */
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
            503: components["responses"]["PushUnavailable"];
        };
    };
    showPushSettings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Of all rooms, and of those that differ. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PushSettings"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["InsufficientScope"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["PushUnavailable"];
        };
    };
    putPushSetting: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "level": "mentions",
                 *       "mutedUntil": "2026-11-30T07:00:00Z"
                 *     }
                 */
                "application/json": components["schemas"]["PushSettingRequest"];
            };
        };
        responses: {
            /** @description All settings as they are now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PushSettings"];
                };
            };
            /** @description `malformed-json`, as everywhere. */
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
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            /** @description `invalid-request`: see `detail`; `too-many-settings`: there are settings of 1,000 rooms. */
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
            503: components["responses"]["PushUnavailable"];
        };
    };
}
