/** Which host names lead to this computer alone. */

/** As they stand in addresses, IPv6 in brackets. */
export const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/** Whether only this computer can reach a host. */
export const isLoopback = (host: string): boolean => host === '::1' || LOOPBACK_HOSTS.includes(host);
