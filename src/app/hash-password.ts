import { hashPassword } from '../rest/access/credentials.ts';

/** For the command line, which reaches REST's inside only through here. */
export const hashed: (password: string) => Promise<string> = hashPassword;
