import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Rights } from '../auth/acl.ts';
import type { Identity } from '../auth/identity.ts';
import type { GatewayParts } from '../gateway-parts.ts';

/** One request, admitted: its client is known and its page may talk to us. */
export interface HttpContext {
  readonly parts: GatewayParts;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly identity: Identity;
  readonly rights: Rights;
  /** Out of the path. */
  readonly topic: string;
}
