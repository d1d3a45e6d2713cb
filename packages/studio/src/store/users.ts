/** Users of a server that others can reach: names, hashed tokens and sessions. */
import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { Db } from './schema.ts';

/** Random bytes of a token: nobody guesses 192 bits, however fast the hash, so that one of SHA-256 keeps them as well as a slow one. */
const SECRET_BYTES = 24;
/** Before 0.2 tokens were kept by scrypt; such a row is rewritten when its token is first shown. */
const OLD = { bytes: 32, cost: { N: 16_384, r: 8, p: 1 } } as const;
const SHA = 'sha256:';
const SESSION_DAYS = 30;
/** Sessions that one user may have; the oldest end first. */
const SESSIONS = 100;

const digest = (text: string) => createHash('sha256').update(text).digest('hex');

const isSame = (a: string, b: string) => a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

/** Whether a row of before 0.2 keeps a secret. */
async function isKeptByScrypt(secret: string, hash: string): Promise<boolean> {
  const [salt = '', key = ''] = hash.split(':');
  const derived = await new Promise<Buffer>((resolve, reject) =>
    scrypt(secret, Buffer.from(salt, 'hex'), OLD.bytes, OLD.cost, (error, bytes) =>
      error ? reject(error) : resolve(bytes),
    ),
  );
  return isSame(derived.toString('hex'), key);
}

export class UserRepository {
  constructor(private readonly db: Db) {}

  /** Adds a user. @returns the token, which is nowhere stored; undefined when the name is taken. */
  async add(name: string): Promise<string | undefined> {
    const secret = randomBytes(SECRET_BYTES).toString('base64url');
    const hash = SHA + digest(secret);
    const { numInsertedOrUpdatedRows } = await this.db
      .insertInto('users')
      .values({ name, hash, created: new Date().toISOString() })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .executeTakeFirst();
    if (Number(numInsertedOrUpdatedRows) === 0) return undefined;
    return `${encodeURIComponent(name)}.${secret}`;
  }

  /** Removes a user with all sessions. @returns false when there is none of that name. */
  async remove(name: string): Promise<boolean> {
    return this.db.transaction().execute(async (transaction) => {
      await transaction.deleteFrom('sessions').where('user', '=', name).execute();
      const { numDeletedRows } = await transaction.deleteFrom('users').where('name', '=', name).executeTakeFirst();
      return Number(numDeletedRows) > 0;
    });
  }

  async names(): Promise<string[]> {
    const rows = await this.db.selectFrom('users').select('name').orderBy('name').execute();
    return rows.map(({ name }) => name);
  }

  /** The user of a token. Costs a hash, but for the first time that a token of before 0.2 is shown. */
  async check(token: string): Promise<string | undefined> {
    const dot = token.lastIndexOf('.');
    const secret = token.slice(dot + 1);
    let name = '';
    try {
      name = decodeURIComponent(token.slice(0, Math.max(0, dot)));
    } catch {
      // Not a token of ours: no user is without a name.
    }
    const row = await this.db.selectFrom('users').select('hash').where('name', '=', name).executeTakeFirst();
    if (!row) return undefined;
    const { hash } = row;
    const now = SHA + digest(secret);
    if (hash.startsWith(SHA)) return isSame(now, hash) ? name : undefined;
    if (!(await isKeptByScrypt(secret, hash))) return undefined;
    await this.db.updateTable('users').set({ hash: now }).where('name', '=', name).where('hash', '=', hash).execute();
    return name;
  }

  /** Begins a session. @returns the cookie's value and when it ends. */
  async openSession(user: string): Promise<{ cookie: string; expires: Date }> {
    const cookie = randomBytes(32).toString('base64url');
    const expires = new Date(Date.now() + SESSION_DAYS * 86_400_000);
    await this.db.deleteFrom('sessions').where('expires', '<', new Date().toISOString()).execute();
    const own = this.db.selectFrom('sessions').select('hash').where('user', '=', user);
    const stays = own.orderBy('expires', 'desc').limit(SESSIONS - 1);
    await this.db.deleteFrom('sessions').where('user', '=', user).where('hash', 'not in', stays).execute();
    await this.db
      .insertInto('sessions')
      .values({ hash: digest(cookie), user, expires: expires.toISOString() })
      .execute();
    return { cookie, expires };
  }

  /** The user of a session; undefined when it has ended. */
  async userOf(cookie: string): Promise<string | undefined> {
    const row = await this.db
      .selectFrom('sessions')
      .innerJoin('users', 'users.name', 'sessions.user')
      .select(['sessions.user', 'sessions.expires'])
      .where('sessions.hash', '=', digest(cookie))
      .executeTakeFirst();
    return row && row.expires > new Date().toISOString() ? row.user : undefined;
  }

  async closeSession(cookie: string): Promise<void> {
    await this.db.deleteFrom('sessions').where('hash', '=', digest(cookie)).execute();
  }
}
