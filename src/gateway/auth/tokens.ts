/** Static tokens, compared in constant time by their digest. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { TokenEntry } from '../settings.ts';
import { AuthError, type Identity } from './identity.ts';

export interface TokenCheck {
  /** Throws AuthError. */
  verify(token: string): Identity;
  /** Whether the token that an identity came with is still on the list, under the same name. */
  knows(identity: Identity): boolean;
}

export function tokenCheck(entries: readonly TokenEntry[]): TokenCheck {
  const known = entries.map(({ name, token, sha256 }) => ({
    name,
    digest: token === undefined ? Buffer.from(sha256!, 'hex') : digestOf(token),
  }));
  return {
    knows: ({ principal, credential }) =>
      known.some(({ name, digest }) => name === principal && digest.toString('hex') === credential),
    verify(token) {
      const digest = digestOf(token);
      let principal: string | undefined;
      // Every entry is compared, so that the time tells nothing.
      for (const entry of known) if (timingSafeEqual(entry.digest, digest)) principal = entry.name;
      if (principal === undefined) throw new AuthError('unknown');
      return {
        principal,
        claims: { sub: principal },
        expiresMs: null,
        by: 'token',
        credential: digest.toString('hex'),
      };
    },
  };
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
