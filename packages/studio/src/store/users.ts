/** Users of a server that others can reach: names, hashed tokens and sessions. */
import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import type { Db } from './schema.ts';

const SALT_BYTES = 16;
const KEY_BYTES = 32;
/** scrypt's cost: about 50 ms and 16 MB a try. */
const COST = { N: 16_384, r: 8, p: 1 };
const SESSION_DAYS = 30;

const derive = (token: string, salt: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) =>
    scrypt(token, salt, KEY_BYTES, COST, (error, key) => (error ? reject(error) : resolve(key))),
  );

const digest = (cookie: string) => createHash('sha256').update(cookie).digest('hex');

export class UserRepository {
  constructor(private readonly db: Db) {}

  /** Adds a user. @returns the token, which is nowhere stored; undefined when the name is taken. */
  async add(name: string): Promise<string | undefined> {
    const secret = randomBytes(24).toString('base64url');
    const salt = randomBytes(SALT_BYTES);
    const key = await derive(secret, salt);
    const taken = await this.db.selectFrom('users').select('name').where('name', '=', name).executeTakeFirst();
    if (taken) return undefined;
    const hash = `${salt.toString('hex')}:${key.toString('hex')}`;
    await this.db.insertInto('users').values({ name, hash, created: new Date().toISOString() }).execute();
    return `${encodeURIComponent(name)}.${secret}`;
  }

  /** Removes a user with all sessions. @returns false when there is none of that name. */
  async remove(name: string): Promise<boolean> {
    await this.db.deleteFrom('sessions').where('user', '=', name).execute();
    const { numDeletedRows } = await this.db.deleteFrom('users').where('name', '=', name).executeTakeFirst();
    return Number(numDeletedRows) > 0;
  }

  async names(): Promise<string[]> {
    const rows = await this.db.selectFrom('users').select('name').orderBy('name').execute();
    return rows.map(({ name }) => name);
  }

  /** The user of a token. Takes as long for an unknown name as for a wrong secret. */
  async check(token: string): Promise<string | undefined> {
    const dot = token.lastIndexOf('.');
    const secret = token.slice(dot + 1);
    let name = '';
    try {
      name = decodeURIComponent(token.slice(0, Math.max(0, dot)));
    } catch {
      // Not a token of ours; it is compared with nothing below.
    }
    const row = await this.db.selectFrom('users').select('hash').where('name', '=', name).executeTakeFirst();
    const [salt = '', key = ''] = (row?.hash ?? '').split(':');
    const derived = await derive(secret, row ? Buffer.from(salt, 'hex') : randomBytes(SALT_BYTES));
    return row && timingSafeEqual(derived, Buffer.from(key, 'hex')) ? name : undefined;
  }

  /** Begins a session. @returns the cookie's value and when it ends. */
  async openSession(user: string): Promise<{ cookie: string; expires: Date }> {
    const cookie = randomBytes(32).toString('base64url');
    const expires = new Date(Date.now() + SESSION_DAYS * 86_400_000);
    await this.db.deleteFrom('sessions').where('expires', '<', new Date().toISOString()).execute();
    await this.db
      .insertInto('sessions')
      .values({ hash: digest(cookie), user, expires: expires.toISOString() })
      .execute();
    return { cookie, expires };
  }

  async userOf(cookie: string): Promise<string | undefined> {
    const row = await this.db
      .selectFrom('sessions')
      .select(['user', 'expires'])
      .where('hash', '=', digest(cookie))
      .executeTakeFirst();
    return row && row.expires > new Date().toISOString() ? row.user : undefined;
  }

  async closeSession(cookie: string): Promise<void> {
    await this.db.deleteFrom('sessions').where('hash', '=', digest(cookie)).execute();
  }
}
