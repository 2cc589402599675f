/** The closed table of errors (PROTOCOL.md, section 3.7): what a client may depend on. */
export const gatewayCodes = {
  bad_request: { http: 400, close: 4400, retryable: false },
  unauthorized: { http: 401, close: 4401, retryable: false },
  forbidden: { http: 403, close: 4403, retryable: false },
  not_found: { http: 404, close: 1011, retryable: false },
  conflict: { http: 409, close: 1011, retryable: false },
  position_lost: { http: 410, close: 1011, retryable: false },
  too_large: { http: 413, close: 1009, retryable: false },
  unsupported: { http: 415, close: 1003, retryable: false },
  rejected: { http: 422, close: 1011, retryable: false },
  limit: { http: 429, close: 4429, retryable: true },
  slow_consumer: { http: 503, close: 4408, retryable: true },
  unavailable: { http: 503, close: 1013, retryable: true },
  timeout: { http: 504, close: 1011, retryable: true },
  shutting_down: { http: 503, close: 1012, retryable: true },
  internal: { http: 500, close: 1011, retryable: true },
} as const satisfies Record<string, { http: number; close: number; retryable: boolean }>;

export type GatewayCode = keyof typeof gatewayCodes;

/** What went wrong, for a client. The message is for people, the code is contract. */
export interface GatewayFault {
  readonly code: GatewayCode;
  readonly message: string;
  readonly retryAfterMs?: number;
}
