/** Reading traces: what is a breach and what is not, and that a program which commits one is caught. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from './sample.ts';
import { breachesOf, trace, whyNotTraced } from './trace.ts';

/** A line as strace writes it: texts in hexadecimal, in quotes and in angle brackets. */
const hex = (text: string) => [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
const line = (text: string) =>
  text.replace(/"([^"]*)"/g, (_, inner) => `"${hex(inner)}"`).replace(/<(\/[^<>]*)/g, (_, inner) => `<${hex(inner)}`);
const bounds = { cwd: '/srv/here', writable: ['/srv/project', '/tmp/own'] };
const found = (...lines: string[]) =>
  breachesOf(lines.map(line).join('\n'), bounds).map(({ kind, what }) => `${kind}: ${what}`);

describe('network', () => {
  test.each([
    [
      'connect(19<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("20.42.65.90")}, 16) = -1 EINPROGRESS (x)',
      'connect to 20.42.65.90 port 443',
    ],
    [
      'connect(27<UDP:[1]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.53")}, 16) = 0',
      'connect to 10.0.0.53 port 53',
    ],
    [
      'connect(4<TCPv6:[1]>, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28) = -1 ENETUNREACH (x)',
      'connect to 2001:db8::1 port 80',
    ],
    [
      'connect(4<TCPv6:[1]>, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::ffff:8.8.8.8", &sin6_addr), sin6_scope_id=0}, 28) = 0',
      'connect to ::ffff:8.8.8.8 port 80',
    ],
    [
      'sendto(18<UDP:[1]>, "hello", 5, MSG_NOSIGNAL, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("1.1.1.1")}, 16) = 5',
      'sendto to 1.1.1.1 port 53',
    ],
    [
      'sendmsg(18<UDP:[0.0.0.0:1]>, {msg_name={sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("192.0.2.1")}, msg_namelen=16, msg_iov=[{iov_base="x", iov_len=1}], msg_iovlen=1}, 0) = 1',
      'sendmsg to 192.0.2.1 port 9',
    ],
    [
      'sendmmsg(5<UDP:[1]>, [{msg_hdr={msg_name={sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("127.0.0.1")}, msg_iovlen=1}}, {msg_hdr={msg_name={sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("192.0.2.7")}, msg_iovlen=1}}], 2, 0) = 2',
      'sendmmsg to 192.0.2.7 port 9',
    ],
    [
      'bind(19<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(4280), sin_addr=inet_addr("0.0.0.0")}, 16) = 0',
      'bind on 0.0.0.0 port 4280',
    ],
    [
      'bind(19<TCPv6:[1]>, {sa_family=AF_INET6, sin6_port=htons(0), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::", &sin6_addr), sin6_scope_id=0}, 28) = 0',
      'bind on :: port 0',
    ],
    [
      'connect(9<UNIX-STREAM:[1]>, {sa_family=AF_UNIX, sun_path="/run/systemd/resolve/io.systemd.Resolve"}, 42) = 0',
      'connect to /run/systemd/resolve/io.systemd.Resolve',
    ],
    [
      'connect(9<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("9.9.9.9")}, 16 <unfinished ...>',
      'connect to 9.9.9.9 port 53',
    ],
  ])('%s', (text, what) => {
    expect(found(text)).toEqual([`network: ${what}`]);
  });

  test.each([
    'connect(19<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("127.0.0.1")}, 16) = -1 EINPROGRESS (x)',
    'connect(19<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(9), sin_addr=inet_addr("127.0.1.1")}, 16) = 0',
    'connect(4<TCPv6:[1]>, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
    'connect(4<TCPv6:[1]>, {sa_family=AF_INET6, sin6_port=htons(80), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::ffff:127.0.0.1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
    'connect(18<UNIX-STREAM:[1]>, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT (x)',
    'bind(18<NETLINK:[1]>, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 0',
    'bind(18<UDP:[1]>, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("0.0.0.0")}, 16) = 0',
    'sendto(5<TCP:[127.0.0.1:1->127.0.0.1:2]>, "GET / http://20.42.65.90", 5, 0, NULL, 0) = 5',
    'connect(27<UDP:[1]>, {sa_family=AF_UNSPEC, sa_data="........"}, 16) = 0',
  ])('%s is within this computer', (text) => {
    expect(found(text)).toEqual([]);
  });
});

describe('files', () => {
  test.each([
    [
      'openat(AT_FDCWD</srv/here>, "/home/ada/.cache/x", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 18</home/ada/.cache/x>',
      'openat /home/ada/.cache/x',
    ],
    [
      'openat(AT_FDCWD</srv/here>, "/home/ada/.cache/x", O_RDWR|O_CREAT, 0666) = -1 ENOENT (x)',
      'openat /home/ada/.cache/x',
    ],
    ['openat(AT_FDCWD</srv/here>, "deviceid", O_RDWR) = 18</srv/here/deviceid>', 'openat /srv/here/deviceid'],
    [
      'openat(AT_FDCWD</srv/here>, "/tmp/own/link", O_WRONLY|O_TRUNC) = 18</home/ada/target>',
      'openat /home/ada/target',
    ],
    ['openat(7</srv/project>, "../x", O_WRONLY|O_CREAT, 0666) = -1 EACCES (x)', 'openat /srv/x'],
    ['mkdir("/tmp/own2", 0777) = 0', 'mkdir /tmp/own2'],
    ['mkdirat(AT_FDCWD</srv/here>, "sub", 0777) = 0', 'mkdirat /srv/here/sub'],
    ['rename("/tmp/own/a", "/srv/b") = 0', 'rename /srv/b'],
    ['symlink("/tmp/own/a", "b") = 0', 'symlink /srv/here/b'],
    ['unlink("/home/ada/precious") = 0', 'unlink /home/ada/precious'],
    [
      'utimensat(AT_FDCWD</srv/here>, "w.mjs", [{tv_sec=1, tv_nsec=0}, {tv_sec=1, tv_nsec=0}], 0) = 0',
      'utimensat /srv/here/w.mjs',
    ],
    [
      'openat(AT_FDCWD</srv/here>, "/home/ada/größe \\ x", O_WRONLY|O_CREAT, 0666) = 1</home/ada/größe \\ x>',
      'openat /home/ada/größe \\ x',
    ],
  ])('%s', (text, what) => {
    expect(found(text)).toEqual([`file: ${what}`]);
  });

  test.each([
    'openat(AT_FDCWD</srv/here>, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3</etc/passwd>',
    'openat(AT_FDCWD</srv/here>, "/srv/project/.adclick/x", O_RDWR|O_CREAT, 0644) = 3</srv/project/.adclick/x>',
    'openat(AT_FDCWD</srv/here>, "/dev/null", O_RDWR) = 1</dev/null<char 1:3>>',
    'mkdir("/tmp", 0777) = -1 EEXIST (File exists)',
    'mkdir("/tmp/own/a", 0777) = 0',
    'rename("/tmp/own/a", "/srv/project/b") = 0',
    'symlink("/home/ada/elsewhere", "/tmp/own/b") = 0',
    '+++ exited with 0 +++',
  ])('%s is allowed', (text) => {
    expect(found(text)).toEqual([]);
  });

  test('the same breach is told once, whatever else there is', () => {
    const one = 'mkdir("/home/ada/a", 0777) = 0';
    expect(found(one, 'unlink("/tmp/own/b") = 0', one, 'mkdir("/home/ada/b", 0777) = 0')).toHaveLength(2);
  });
});

test('what a trace does not show is told', () => {
  expect(found('io_uring_setup(256, {flags=0}) = 5', 'openat(garbage')).toEqual([
    'unseen: io_uring_setup, after which a trace says too little',
    'unseen: a call that cannot be read: openat(garbage',
  ]);
});

/** Nothing is sent: connecting a datagram socket only says where to. */
const CULPRIT = `
const { mkdirSync, writeFileSync } = require('node:fs');
const socket = require('node:dgram').createSocket('udp4');
socket.connect(9, '192.0.2.1', () => socket.close());
require('node:net').createServer().listen(0, '127.0.0.1', function () { this.close(); });
const { Worker, isMainThread } = require('node:worker_threads');
if (isMainThread) new Worker(__filename);
else { mkdirSync(process.env.HOME + '/.cache'); writeFileSync(process.env.HOME + '/.cache/id', ''); }
writeFileSync(process.env.TMPDIR + '/fine', '');
console.log('done');
`;

const reason = whyNotTraced();
if (reason) process.stderr.write(`\n${reason}: no program is traced in this test\n\n`);
test.skipIf(reason)('a program that does such things is caught, in all of its threads', async () => {
  const cwd = await temporaryFolder();
  const [home, tmp] = [join(cwd, 'home'), join(cwd, 'tmp')];
  const { mkdir, writeFile } = await import('node:fs/promises');
  await mkdir(home);
  await mkdir(tmp);
  await writeFile(join(cwd, 'culprit.cjs'), CULPRIT);
  const env = { PATH: process.env.PATH, HOME: home, TMPDIR: tmp };
  const { code, stdout, breaches } = await trace([process.execPath, 'culprit.cjs'], { cwd, env, writable: [tmp] });
  expect([code, stdout]).toEqual([0, 'done\ndone\n']);
  expect(breaches.map(({ what }) => what).sort()).toEqual([
    'connect to 192.0.2.1 port 9',
    `mkdir ${home}/.cache`,
    `openat ${home}/.cache/id`,
  ]);
  expect(await readdir(tmp)).toEqual(['fine']);
});
