// Generated from services/media/api/openapi.yaml by `npm run generate`. Do not edit.
export interface paths {
    "/api/media": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begins the upload of a medium to a room that the caller has joined.
         * @description The answer says how to upload: by `form`, which is sent as multipart/form-data to its URL with all of its fields and then, last, the content in a
         *     field named `file`; or in `parts`, which are asked for by POST …/parts. Only what was said is taken: the size, the type, and the SHA-256 if there is
         *     one. Then POST …/complete.
         *
         *     With an Idempotency-Key the same medium is given, however often it is asked for: so an upload goes on, or is signed again once it has expired.
         */
        post: operations["createMedium"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/media/{media_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                media_id: components["parameters"]["MediaID"];
            };
            cookie?: never;
        };
        /**
         * Leads to the content of a medium, for who may read a message that shows it.
         * @description The address in Location is signed for five minutes (`ISM_MEDIA_DOWNLOAD_TTL`), and needs no token. What could run in a browser, HTML and SVG among it, is an attachment of no type.
         */
        get: operations["getMedium"];
        put?: never;
        post?: never;
        /** Deletes a medium of the caller's that no message shows, also one that is still being uploaded. */
        delete: operations["deleteMedium"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/media/{media_id}/status": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                media_id: components["parameters"]["MediaID"];
            };
            cookie?: never;
        };
        /** How far a medium is. Its uploader's streams are told each change by MediaChanged. */
        get: operations["getMediumStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/media/{media_id}/parts": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                media_id: components["parameters"]["MediaID"];
            };
            cookie?: never;
        };
        /** Which parts of a medium are uploaded, so that an upload goes on with the others. */
        get: operations["listParts"];
        put?: never;
        /** Signs the uploads of parts, each of exactly its size, for an hour. */
        post: operations["signParts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/media/{media_id}/complete": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                media_id: components["parameters"]["MediaID"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Says that a medium is uploaded. From then on nobody can change it. */
        post: operations["completeMedium"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{room_id}/upload-img": {
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
        /** Gives a Group a picture. Its centre is cut out, 500 pixels each way, as a JPEG. */
        post: operations["uploadRoomPicture"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/media/rooms/{room_id}/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
                /** @description As roomImageUrl has it; who knows it may see the picture. */
                name: string;
            };
            cookie?: never;
        };
        /** The picture of a room, without a token, as pages show it. */
        get: operations["getRoomPicture"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/internal/media/{media_id}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                media_id: components["parameters"]["MediaID"];
            };
            cookie?: never;
        };
        /**
         * What a message is to show.
         * @description Given both, a ready medium that the sender has uploaded to the room is held for the message: it is not deleted for want of a use until the log tells of
         *     the message, or for a day.
         */
        get: operations["getMediumForMessage"];
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
        UploadRequest: {
            /** Format: uuid */
            roomId: string;
            /** @description Paths, and what cannot be seen, are taken out of it. */
            fileName: string;
            /** @description TYPE/SUBTYPE, for example image/png, of at most 127 bytes. Parameters are passed over. */
            mimeType: string;
            /**
             * Format: int64
             * @description Bytes.
             */
            size: number;
            /** @description Of the content, hexadecimal. */
            sha256?: string | null;
        };
        Medium: {
            /** Format: uuid */
            mediaId: string;
            /** Format: uuid */
            roomId: string;
            /** @enum {string} */
            state: "pending" | "uploaded" | "ready" | "rejected";
            /** @description A code, why it is rejected. */
            reason?: string;
            fileName: string;
            mimeType: string;
            /** Format: int64 */
            size: number;
            /** @description Pixels, of a picture that is ready. */
            width?: number;
            height?: number;
            variants?: string[];
            /** @description Where it is downloaded, with a token. */
            url: string;
            /** Format: date-time */
            createdAt: string;
            /**
             * Format: date-time
             * @description When it is deleted, if it is not completed by then; of a rejected one, when it is forgotten.
             */
            expiresAt?: string;
        };
        CreatedMedium: components["schemas"]["Medium"] & {
            upload?: components["schemas"]["Upload"];
        };
        /** @description A form, or how many parts of which size there are. */
        Upload: {
            form?: {
                url: string;
                fields: {
                    [key: string]: string;
                };
            };
            /**
             * Format: int64
             * @description Bytes; the last part has what is left.
             */
            partSize?: number;
            /** Format: int64 */
            parts?: number;
            /**
             * Format: date-time
             * @description Until when the form is good.
             */
            expiresAt?: string;
        };
        UploadedParts: {
            /** Format: int64 */
            partSize: number;
            /** Format: int64 */
            parts: number;
            uploaded: {
                number: number;
                /** Format: int64 */
                size: number;
            }[];
        };
        SignedParts: {
            /** Format: date-time */
            expiresAt: string;
            parts: {
                number: number;
                /**
                 * Format: int64
                 * @description Of the body, exactly.
                 */
                size: number;
                method: string;
                url: string;
                headers: {
                    [key: string]: string;
                };
            }[];
        };
        RoomPicture: {
            imageUrl: string;
            imageName: string;
        };
        MediumAnswer: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            roomId: string;
            /** Format: uuid */
            uploaderId: string;
            /** @enum {string} */
            state: "pending" | "uploaded" | "ready" | "rejected";
            url: string;
            fileName: string;
            mimeType: string;
            /** Format: int64 */
            size: number;
            width?: number;
            height?: number;
        };
        /**
         * Format: date-time
         * @description RFC 3339, in UTC, always with six decimals and Z. So the order of texts is the order of times.
         */
        Time: string;
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
        /**
         * @description `objects-unavailable`, `store-unavailable`, `rooms-unavailable`, `messages-unavailable`: what is needed does not answer; `media-busy`: too many
         *     pictures are looked at; `too-many-bodies`: too many pictures of rooms arrive; `issuer-unavailable`: tokens cannot be verified yet; `timeout`. Nothing is done by halves: try again.
         */
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
        MediaID: string;
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
    createMedium: {
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
                 *       "roomId": "0192d3a0-0000-7000-8000-000000000001",
                 *       "fileName": "soup.png",
                 *       "mimeType": "image/png",
                 *       "size": 48211
                 *     }
                 */
                "application/json": components["schemas"]["UploadRequest"];
            };
        };
        responses: {
            /** @description The medium that the caller has named before, with what it is uploaded by if it is still pending. */
            200: {
                headers: {
                    "Idempotency-Replayed"?: "true";
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedMedium"];
                };
            };
            /** @description The medium, and what it is uploaded by. */
            201: {
                headers: {
                    /** @description Where its state is. */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedMedium"];
                };
            };
            /** @description `malformed-json`, `malformed-idempotency-key`. */
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
            /** @description `room-not-found`: there is no such room for the caller. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media-state`: the medium that the caller has named so is deleted, or its upload has expired. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media-too-large`: it is above ISM_MEDIA_MAX_BYTES; `body-too-large`. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            415: components["responses"]["UnsupportedMediaType"];
            /**
             * @description `invalid-request`: something is missing or out of its limits; `media-type-not-allowed`; `media-quota`: the caller or the room has as much as it may;
             *     `idempotency-key-reused`: for another medium.
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
            503: components["responses"]["Unavailable"];
        };
    };
    getMedium: {
        parameters: {
            query?: {
                /** @description Of a picture: a JPEG with a longer side of at most so many pixels, without metadata. `thumb` is `256`. */
                variant?: "thumb" | "256" | "1024";
                /** @description Anything: to be kept, and not shown. */
                download?: string;
            };
            header?: never;
            path: {
                media_id: components["parameters"]["MediaID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Where the content is. */
            302: {
                headers: {
                    Location?: string;
                    /** @description For less than the address is good for. */
                    "Cache-Control"?: string;
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
            403: components["responses"]["InsufficientScope"];
            /** @description `media-not-found`; `variant-not-found`: it has no such variant. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media-state`: the caller has uploaded it, and it is not ready. */
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
            503: components["responses"]["Unavailable"];
        };
    };
    deleteMedium: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                media_id: components["parameters"]["MediaID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is deleted. */
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
            403: components["responses"]["InsufficientScope"];
            /** @description `media-not-found`: there is no such medium for the caller. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media-in-use`: a message shows it; it goes with the last message that does. */
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
            503: components["responses"]["Unavailable"];
        };
    };
    getMediumStatus: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                media_id: components["parameters"]["MediaID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The medium. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Medium"];
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
            403: components["responses"]["InsufficientScope"];
            /** @description `media-not-found`: there is no such medium for the caller. */
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
    listParts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                media_id: components["parameters"]["MediaID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The parts. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadedParts"];
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
            403: components["responses"]["InsufficientScope"];
            /** @description `media-not-found`: there is no such medium for the caller. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media-state`: it is not pending, or not uploaded in parts; `media-not-uploaded`: the upload has expired. */
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
            503: components["responses"]["Unavailable"];
        };
    };
    signParts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                media_id: components["parameters"]["MediaID"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    numbers: number[];
                };
            };
        };
        responses: {
            /** @description The requests to be made. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedParts"];
                };
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
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["InsufficientScope"];
            /** @description `media-not-found`: there is no such medium for the caller. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media-state`: it is not pending, or not uploaded in parts, or has expired. */
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
            /** @description `invalid-request`: there is no such part. */
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
    completeMedium: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                media_id: components["parameters"]["MediaID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What has become of it, where it is completed before, or rejected at once as its content is of another type than was said. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Medium"];
                };
            };
            /** @description It is uploaded, and is being looked at. */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Medium"];
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
            403: components["responses"]["InsufficientScope"];
            /** @description `media-not-found`: there is no such medium for the caller. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media-not-uploaded`: it, or a part of it, is not there; `media-state`: it was deleted meanwhile. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media-mismatch`: what is there has another size or checksum than was said. */
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
    uploadRoomPicture: {
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
                "multipart/form-data": {
                    /**
                     * Format: binary
                     * @description A JPEG, PNG, GIF or WebP of at most 5 MB.
                     */
                    image: string;
                };
            };
        };
        responses: {
            /** @description The picture. The room has it, and its log has announced it. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RoomPicture"];
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
            403: components["responses"]["InsufficientScope"];
            /** @description `room-not-found`: there is no such room for the caller. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `media-too-large`, `body-too-large`: it is above 5 MB. This, 401, 404 and 503 come before the picture is received, on a connection that ends. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `invalid-request`: there is no file named image; `single-room`; `media-quota`; `unreadable-image`, `unsupported-image`, `not-what-it-says`,
             *     `too-many-bytes`, `too-many-pixels`, `too-many-frames`, `too-many-scans`, `too-much-memory`: the picture is refused.
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
            503: components["responses"]["Unavailable"];
        };
    };
    getRoomPicture: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                room_id: components["parameters"]["RoomID"];
                /** @description As roomImageUrl has it; who knows it may see the picture. */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The picture, which never changes under its name. */
            200: {
                headers: {
                    "Cache-Control"?: string;
                    [name: string]: unknown;
                };
                content: {
                    "image/jpeg": string;
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
            /** @description `media-not-found`: there is none of the name, or no more. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            500: components["responses"]["Internal"];
            503: components["responses"]["Unavailable"];
        };
    };
    getMediumForMessage: {
        parameters: {
            query?: {
                /** @description The message's room. */
                roomId?: string;
                /** @description The message's sender. */
                senderId?: string;
            };
            header?: never;
            path: {
                media_id: components["parameters"]["MediaID"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The medium. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MediumAnswer"];
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
            /** @description `media-not-found`. */
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
}
