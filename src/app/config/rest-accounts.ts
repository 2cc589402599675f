/** `rest.users.NAME.password`, `rest.users.NAME.role`, `rest.tokens.NAME.token`, `rest.tokens.NAME.role`. */
import { isError } from '../../base/errors.ts';
import { suggest } from '../../base/nearest.ts';
import type { Account, Accounts } from '../../rest/access/authenticate.ts';
import { parseCredential } from '../../rest/access/credentials.ts';
import { type Role, roles } from '../../rest/access/roles.ts';
import type { RestKeys } from './rest-config.ts';

export const accountPrefixes: readonly string[] = ['rest.users.', 'rest.tokens.'];

export function accountsOf(keys: RestKeys): Accounts {
  return { users: accounts(keys, 'rest.users.', 'password'), tokens: accounts(keys, 'rest.tokens.', 'token') };
}

function accounts(keys: RestKeys, prefix: string, secret: 'password' | 'token'): Account[] {
  const names = new Set<string>();
  for (const key of keys.startingWith(prefix)) {
    const at = key.lastIndexOf('.');
    const member = key.slice(at + 1);
    if (at < prefix.length || ![secret, 'role'].includes(member)) {
      keys.problem(key, `must be ${prefix}NAME.${secret} or ${prefix}NAME.role.${suggest(member, [secret, 'role'])}`);
    } else names.add(key.slice(prefix.length, at));
  }
  return [...names].flatMap((name) => account(keys, prefix, name, secret) ?? []);
}

function account(keys: RestKeys, prefix: string, name: string, secret: 'password' | 'token'): Account | undefined {
  const roleKey = `${prefix}${name}.role`;
  const secretKey = `${prefix}${name}.${secret}`;
  const role = keys.text(roleKey);
  const text = keys.text(secretKey);
  const known = roles.find((word): word is Role => word === role?.toLowerCase());
  if (known === undefined) {
    keys.problem(roleKey, role === undefined ? `it is missing: ${words}` : `cannot use "${role}": ${words}`);
  }
  if (text === undefined) keys.problem(secretKey, 'it is missing, or empty');
  if (prefix === 'rest.users.' && name.includes(':')) keys.problem(roleKey, 'a user name cannot hold a colon');
  if (known === undefined || text === undefined) return undefined;
  try {
    return { name, role: known, credential: parseCredential(text) };
  } catch (error) {
    if (!isError(error, 'CONFIG_INVALID')) throw error;
    keys.problem(secretKey, error.message);
    return undefined;
  }
}

const words = `must be ${roles.join(', ')}`;
