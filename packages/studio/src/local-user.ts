/** The name of the person at this computer, as author of events. */
import { userInfo } from 'node:os';

export function localUser(): string {
  try {
    return userInfo().username || 'local';
  } catch {
    // Some containers have no entry for the user.
    return 'local';
  }
}
