/** Who a client is. */
export interface Identity {
  /** null: anonymous. */
  readonly principal: string | null;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Wall-clock time in milliseconds; null: unlimited. */
  readonly expiresMs: number | null;
  /** What it was told by; undefined: by nothing. */
  readonly by?: 'token' | 'jwt';
  /** What of its token must hold after a reload too: the digest of a listed one, or the algorithm and key of a signed one. */
  readonly credential?: string;
}

export const anonymous: Identity = { principal: null, claims: {}, expiresMs: null };

export type AuthFailure = 'missing' | 'malformed' | 'signature' | 'expired' | 'claims' | 'unknown';

/** A token that is not accepted. The reason is for metrics and the log; clients are told the code alone. */
export class AuthError extends Error {
  override readonly name = 'AuthError';
  readonly reason: AuthFailure;

  constructor(reason: AuthFailure) {
    super(`token refused: ${reason}`);
    this.reason = reason;
  }
}
