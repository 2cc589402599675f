import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Rights } from '../auth/acl.ts';
import type { Identity } from '../auth/identity.ts';
import type { GatewayParts } from '../gateway-parts.ts';
import type { OpenRequest } from './open-request.ts';

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

/** One that is answered as a whole; streams are connections of their own. */
export interface RequestContext extends HttpContext {
  readonly open: OpenRequest;
}
