/** Tokens of all configured kinds, one after the other. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../telemetry/log.ts';
import { authModes, type GatewaySettings } from '../settings.ts';
import { AuthError, type Identity } from './identity.ts';
import { type JwtCheck, jwtCheck } from './jwt.ts';
import { type TokenCheck, tokenCheck } from './tokens.ts';

export interface Authenticator {
  /** Whether clients must say who they are. */
  readonly required: boolean;
  /** Whether tokens can be verified now. */
  readonly ready: boolean;
  /** Rejects with AuthError. */
  verify(token: string): Promise<Identity>;
  /** Whether the token that an identity came with would still be taken, but for its time. */
  isKnown(identity: Identity): boolean;
  close(): void;
}

/** CONFIG_INVALID. */
export async function makeAuthenticator(auth: GatewaySettings['auth'], clock: Clock, log: Log): Promise<Authenticator> {
  const modes = authModes(auth);
  const tokens: TokenCheck | undefined = modes.includes('token') ? tokenCheck(auth.tokens) : undefined;
  const jwt: JwtCheck | undefined = modes.includes('jwt') ? await jwtCheck(auth.jwt, clock, log) : undefined;
  return {
    required: modes.length > 0,
    get ready() {
      return jwt?.ready ?? true;
    },
    async verify(token) {
      let failure = new AuthError('unknown');
      if (tokens !== undefined) {
        try {
          return tokens.verify(token);
        } catch (error) {
          if (!(error instanceof AuthError)) throw error;
          failure = error;
        }
      }
      if (jwt === undefined) throw failure;
      return jwt.verify(token);
    },
    isKnown(identity) {
      if (identity.by === undefined) return modes.length === 0;
      return (identity.by === 'jwt' ? jwt : tokens)?.knows(identity) === true;
    },
    close: () => jwt?.close(),
  };
}
