/** Checkpoints: those of PyTorch are read to the last element, and files that lie, are cut off or ask for more are refused before they are believed. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeSafetensors, tensor as ownTensor } from '@adclick/ortgrad';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  call,
  dict,
  global,
  integer,
  list,
  pickle,
  type TensorSaid,
  tensor,
  text,
  torchLegacy,
  torchZip,
  tuple,
  type ZipFile,
  zip,
} from '../../test/torch-files.ts';
import { Checkpoint } from './open-checkpoint.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'checkpoints-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Bytes as a file that is open for the time of the work. */
async function opened<T>(bytes: Uint8Array, work: (checkpoint: Checkpoint) => T | Promise<T>): Promise<T> {
  const path = join(folder, 'x.pth');
  await writeFile(path, bytes);
  const checkpoint = await Checkpoint.open(path);
  try {
    return await work(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

/** Opens, and reads every tensor. */
const readAll = (bytes: Uint8Array) =>
  opened(bytes, async (checkpoint) => {
    const found = new Map<string, unknown>();
    for (const name of checkpoint.tensors.keys()) found.set(name, await checkpoint.read(name));
    return found;
  });

const damaged = (what: RegExp) => ({ code: 'ADC_CHECKPOINT_DAMAGED', message: expect.stringMatching(what) });
const unsafe = (what: RegExp) => ({ code: 'ADC_CHECKPOINT_UNSAFE', message: expect.stringMatching(what) });

const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const two: TensorSaid = { count: 2, shape: [2], strides: [1] };

const LOSS_FILE = 'isegm.model.modeling.transformer_helper.cross_entropy_loss';
const LOSS_CLASS = global(LOSS_FILE, 'CrossEntropyLoss');

describe('what PyTorch has written', async () => {
  type Told = Readonly<Record<string, { type: string; shape: number[]; values: (number | boolean)[] }>>;
  const told = JSON.parse(await readFile(join(FIXTURES, 'kinds.json'), 'utf8')) as Told;

  test.each([
    ['kinds.pth', 'PyTorch'],
    ['kinds-legacy.pth', 'PyTorch before 1.6'],
  ])('%s: every type, view, shared storage and container', async (file, format) => {
    const checkpoint = await Checkpoint.open(join(FIXTURES, file));
    expect(checkpoint.format).toBe(format);
    expect([...checkpoint.tensors.keys()].sort()).toEqual(Object.keys(told).sort());
    for (const [name, { type, shape, values }] of Object.entries(told)) {
      expect(checkpoint.tensors.get(name)).toMatchObject({ type, shape });
      const { data, dtype } = await checkpoint.read(name);
      const found = dtype === 'float16' ? halves(data as Uint16Array) : Array.from(data, Number);
      expect([name, found]).toEqual([name, values.map(Number)]);
    }
    await checkpoint.close();
  });

  const halves = (bits: Uint16Array) =>
    Array.from(bits, (half) => (half & 0x8000 ? -1 : 1) * (1 + (half & 1023) / 1024) * 2 ** (((half >> 10) & 31) - 15));

  test.each(['kinds.pth', 'kinds-legacy.pth'])('%s: every cut of it is refused', async (file) => {
    const bytes = await readFile(join(FIXTURES, file));
    for (let length = 0; length < bytes.length; length += length < bytes.length - 200 ? 37 : 1)
      await expect(readAll(bytes.subarray(0, length))).rejects.toMatchObject({
        code: expect.stringMatching(/^ADC_CHECKPOINT_(?:DAMAGED|KIND)$/),
      });
  });

  test.each(['kinds.pth', 'kinds-legacy.pth'])(
    '%s: a byte of it that has changed ends in its tensors or a coded error',
    async (file) => {
      const bytes = await readFile(join(FIXTURES, file));
      let refused = 0;
      for (let at = 0; at < bytes.length; at += 23) {
        const changed = Uint8Array.from(bytes);
        changed[at] ^= 0xff;
        await readAll(changed).catch(({ code }) => {
          refused++;
          expect(code).toMatch(/^ADC_(?:CHECKPOINT|WEIGHTS)_/);
        });
      }
      expect(refused).toBeGreaterThan(30);
    },
  );

  test('a changed element shows by the checksum', async () => {
    const bytes = await readFile(join(FIXTURES, 'kinds.pth'));
    const at = bytes.indexOf(Buffer.from(floats(0, 0.25, 0.5, 0.75)));
    bytes[at] ^= 1;
    await expect(readAll(bytes)).rejects.toMatchObject(damaged(/checksum of .*data\/\d+ .* is wrong/));
  });
});

describe('the ways of writing that are rare', () => {
  test('the loss among the settings that SimpleClick writes is passed over', async () => {
    const state = dict({
      _parameters: call(global('collections', 'OrderedDict')),
      _non_persistent_buffers_set: call(global('__builtin__', 'set'), list()),
      reduction: text('mean'),
      cls_criterion: global(LOSS_FILE, 'cross_entropy'),
      hidden: tensor(two),
    });
    const loss = Buffer.concat([LOSS_CLASS, tuple(), Buffer.of(0x81), state, Buffer.from('b')]);
    const head = dict({ in_index: list(integer(0)), loss_decode: loss });
    const saved = dict({ state_dict: dict({ x: tensor(two) }), config: dict({ params: dict({ head_params: head }) }) });
    const found = await readAll(torchZip(saved, { 0: floats(1, 2) }));
    expect([...found.keys()]).toEqual(['state_dict.x']);
  });

  test('ZIP64, and no checksums', async () => {
    const large = await readAll(torchZip(dict({ a: tensor(two) }), { 0: floats(1, -2) }, { large: true }));
    expect(large.get('a')).toEqual(ownTensor(Float32Array.of(1, -2), [2]));
    const files = [
      { name: 'x/data.pkl', content: pickle(dict({ a: tensor(two) })), crc: 0 },
      { name: 'x/data/0', content: floats(1, -2), crc: 0 },
    ];
    expect((await readAll(zip(files))).get('a')).toEqual(ownTensor(Float32Array.of(1, -2), [2]));
  });

  test('big-endian elements of each width', async () => {
    const kinds = [
      ['BoolStorage', 1, Uint8Array.of(1, 0), [1, 0]],
      ['BFloat16Storage', 2, new Uint8Array(Uint16Array.of(0x3fc0, 0xc000).buffer), [1.5, -2]],
      ['IntStorage', 4, new Uint8Array(Int32Array.of(-7, 1).buffer), [-7, 1]],
      ['DoubleStorage', 8, new Uint8Array(Float64Array.of(0.5, -3).buffer), [0.5, -3]],
    ] as const;
    for (const [type, width, bytes, values] of kinds) {
      const turned = Buffer.from(bytes);
      for (let at = 0; at < turned.length; at += width) turned.subarray(at, at + width).reverse();
      const value = dict({ a: tensor({ ...two, storage: type }) });
      for (const [order, content] of [
        ['big', turned],
        ['little', bytes],
      ] as const)
        expect((await readAll(torchZip(value, { 0: content }, { order }))).get('a')).toMatchObject({
          data: expect.toSatisfy((data: Float32Array) => `${Array.from(data, Number)}` === `${values}`),
        });
    }
    await expect(
      readAll(torchZip(dict({ a: tensor(two) }), { 0: floats(1, 2) }, { order: 'middle' })),
    ).rejects.toMatchObject(damaged(/byte order is middle/));
  });

  test('protocol 4, and texts of Python 2', async () => {
    const short = (value: string) => Buffer.concat([Buffer.of(0x8c, value.length), Buffer.from(value)]);
    const ordered = Buffer.concat([
      short('collections'),
      short('OrderedDict'),
      Buffer.of(0x93, 0x94),
      Buffer.from(')R'),
    ]);
    const old = Buffer.concat([Buffer.from('U\x01a'), tensor(two), Buffer.from('s')]);
    const frame = Buffer.concat([Buffer.of(0x80, 4, 0x95), Buffer.alloc(8)]);
    expect([...(await readAll(torchZip(Buffer.concat([frame, ordered, old]), { 0: floats(1, 2) }))).keys()]).toEqual([
      'a',
    ]);
  });

  test('a parameter, and element types as values', async () => {
    const parameter = call(global('torch._utils', '_rebuild_parameter'), tensor(two), Buffer.of(0x88), dict({}));
    const value = dict({ a: parameter, type: global('torch', 'float32') });
    expect([...(await readAll(torchZip(value, { 0: floats(1, 2) }))).keys()]).toEqual(['a']);
  });

  test('the older format: a view of a storage, and pickles longer than what is read first', async () => {
    const view = tuple(text('v'), integer(1), integer(2));
    const value = dict({ note: text('x'.repeat(3_000_000)), a: tensor({ ...two, count: 4, view }) });
    const found = await readAll(torchLegacy(value, { 0: [4, floats(9, 1, 2, 9)] }));
    expect(found.get('a')).toEqual(ownTensor(Float32Array.of(1, 2), [2]));
    const beyond = tuple(text('v'), integer(3), integer(2));
    const out = dict({ a: tensor({ ...two, count: 4, view: beyond }) });
    await expect(readAll(torchLegacy(out, { 0: [4, floats(9, 1, 2, 9)] }))).rejects.toMatchObject(
      damaged(/leaves its 4/),
    );
  });

  test('safetensors, with types that graphs do not have', async () => {
    const bytes = encodeSafetensors(new Map([['a', ownTensor(Int32Array.of(1, 2), [2])]]));
    expect((await readAll(bytes)).get('a')).toEqual(ownTensor(Int32Array.of(1, 2), [2]));
    const json = '{"b":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}';
    const other = Buffer.concat([Buffer.alloc(8), Buffer.from(json), Buffer.of(0xc0, 0x3f, 0, 0xc0)]);
    other.writeBigUInt64LE(BigInt(json.length));
    expect((await readAll(other)).get('b')).toEqual(ownTensor(Float32Array.of(1.5, -2), [2]));
    await expect(readAll(other.subarray(0, -1))).rejects.toMatchObject({ code: 'ADC_WEIGHTS_DAMAGED' });
  });
});

/** argparse's settings as torch.save writes them; with NEWOBJ, then BUILD. */
const namespace = (attributes: Uint8Array) =>
  Buffer.concat([global('argparse', 'Namespace'), Buffer.from(')\x81', 'latin1'), attributes, Buffer.from('b')]);

/** Both formats around one value. */
const WRAPPED = [
  ['zip', (value: Uint8Array) => torchZip(value, { 0: floats(1, 2) })],
  ['legacy', (value: Uint8Array) => torchLegacy(value, { 0: [2, floats(1, 2)] })],
] as const;

test.each(WRAPPED)(
  'settings of a program in a %s file are passed over, with the tensors that they hold',
  async (_, wrap) => {
    const settings = { lr: integer(5), names: list(text('a')), type: global('torch', 'float32'), mean: tensor(two) };
    const value = dict({ a: tensor(two), args: namespace(dict(settings)), none: namespace(dict({})) });
    expect([...(await readAll(wrap(value))).keys()]).toEqual(['a']);
  },
);

describe.each(WRAPPED)('a %s file that asks for more is refused by the name of what it asks for', (_, wrap) => {
  const code = (...bytes: number[]) => Buffer.of(...bytes);
  const system = global('os', 'system');
  test.each<[string, Uint8Array, RegExp]>([
    ['os.system', call(system, text('true')), /refers to os\.system/],
    ['builtins.eval', call(global('builtins', 'eval'), text('1')), /refers to builtins\.eval/],
    [
      'a call inside of a tensor that is fine',
      dict({ a: tensor(two), b: call(global('posix', 'system'), text('true')) }),
      /posix\.system/,
    ],
    [
      'a call that makes what is called',
      call(call(global('builtins', 'getattr'), text('a')), text('b')),
      /builtins\.getattr/,
    ],
    [
      'a global that is only mentioned',
      dict({ a: tensor(two), b: global('subprocess', 'Popen') }),
      /subprocess\.Popen/,
    ],
    ['a path of attributes', global('torch', 'serialization.os.system'), /torch\.serialization\.os\.system/],
    ['a global with names from the stack', Buffer.concat([text('os'), text('system'), code(0x93)]), /os\.system/],
    [
      'a global whose name is in the memo',
      Buffer.concat([text('system'), code(0x71, 0), text('os'), code(0x68, 0, 0x93)]),
      /os\.system/,
    ],
    ['INST', Buffer.concat([Buffer.from('('), text('true'), Buffer.from('ios\nsystem\n')]), /os\.system/],
    ['OBJ', Buffer.concat([Buffer.from('('), global('collections', 'OrderedDict'), Buffer.from('o')]), /OBJ/],
    ['NEWOBJ', Buffer.concat([global('collections', 'OrderedDict'), Buffer.from(')\x81', 'latin1')]), /NEWOBJ/],
    ['NEWOBJ_EX', Buffer.concat([global('collections', 'OrderedDict'), Buffer.from(')}\x92', 'latin1')]), /NEWOBJ_EX/],
    [
      'BUILD on a class',
      Buffer.concat([global('collections', 'OrderedDict'), dict({ a: text('b') }), Buffer.from('b')]),
      /sets the state of collections\.OrderedDict/,
    ],
    ['BUILD on a tensor', Buffer.concat([tensor(two), dict({}), Buffer.from('b')]), /sets the state of a tensor/],
    ['BUILD on a dict', Buffer.concat([dict({}), dict({}), Buffer.from('b')]), /sets the state of a dict/],
    [
      'BUILD with slots',
      Buffer.concat([call(global('collections', 'OrderedDict')), tuple(dict({}), dict({})), Buffer.from('b')]),
      /sets the state/,
    ],
    ['a call of a storage', call(global('torch', 'FloatStorage'), integer(2)), /calls torch\.FloatStorage/],
    ['a call of an element type', call(global('torch', 'float32')), /calls torch\.float32/],
    ['a call of a text', call(text('os.system')), /calls a text/],
    ['EXT1', code(0x82, 1), /EXT1/],
    ['EXT2', code(0x83, 1, 0), /EXT2/],
    ['EXT4', code(0x84, 1, 0, 0, 0), /EXT4/],
    ['a set', code(0x8f), /EMPTY_SET/],
    ['bytes', code(0x43, 1, 0), /BINBYTES/],
    ['a module behind an id', Buffer.concat([tuple(text('module'), text('a')), Buffer.from('Q')]), /refers to module/],
    ['an id as a line', Buffer.from('Pos\n'), /PERSID/],
    ['a call of a Namespace', call(global('argparse', 'Namespace')), /calls argparse\.Namespace/],
    ['a Namespace that holds what runs', namespace(dict({ run: system })), /refers to os\.system/],
    ['a Namespace that calls', namespace(dict({ a: call(global('builtins', 'eval'), text('1')) })), /builtins\.eval/],
    [
      'a Namespace that holds a class',
      dict({ a: tensor(two), args: namespace(dict({ type: global('collections', 'OrderedDict') })) }),
      /holds collections\.OrderedDict, which can be called/,
    ],
    [
      'a Namespace that holds a function, deep inside',
      namespace(dict({ a: list(tuple(dict({ b: global('torch._utils', '_rebuild_tensor_v2') }))) })),
      /holds torch\._utils\._rebuild_tensor_v2/,
    ],
    [
      'a Namespace that is given a class later, by a list that it holds',
      Buffer.concat([
        ...[text('x'), Buffer.from(']'), code(0x71, 0), Buffer.from('0')],
        namespace(Buffer.concat([Buffer.from('}'), text('a'), code(0x68, 0), Buffer.from('s')])),
        ...[code(0x68, 0), global('torch', 'FloatStorage'), Buffer.from('a0\x86', 'latin1')],
      ]),
      /holds torch\.FloatStorage/,
    ],
    ['a Namespace that holds its own class', namespace(dict({ a: global('argparse', 'Namespace') })), /can be called/],
    [
      'a Namespace that holds a class in the place of a name',
      namespace(Buffer.concat([Buffer.from('}'), tuple(global('torch', 'ByteStorage')), text('a'), Buffer.from('s')])),
      /holds torch\.ByteStorage/,
    ],
    ['a class as a value', dict({ a: tensor(two), b: global('torch', 'HalfStorage') }), /holds torch\.HalfStorage/],
    [
      'attributes of a Namespace for a second time',
      Buffer.concat([namespace(dict({})), dict({ a: text('b') }), Buffer.from('b')]),
      /sets the state of a Namespace/,
    ],
    ['a Namespace with slots', namespace(tuple(dict({}), dict({}))), /sets the state of a Namespace/],
    [
      'attributes of the class of Namespaces',
      Buffer.concat([global('argparse', 'Namespace'), dict({ __setattr__: text('a') }), Buffer.from('b')]),
      /sets the state of argparse\.Namespace/,
    ],
    ['another class of argparse', global('argparse', 'Action'), /refers to argparse\.Action/],
    ['a numpy scalar', call(global('numpy.core.multiarray', 'scalar')), /numpy\.core\.multiarray\.scalar/],
    [
      'an object of a class that is a text',
      Buffer.concat([text('os.system'), tuple(), code(0x81)]),
      /object of a text/,
    ],
    ['a call of a loss', call(LOSS_CLASS), /calls isegm\./],
    ['a set of something', call(global('builtins', 'set'), list(integer(1))), /makes a set/],
    ['a set of a text', call(global('builtins', 'set'), text('')), /makes a set/],
    ['a quantised tensor', global('torch._utils', '_rebuild_qtensor'), /_rebuild_qtensor/],
    [
      'a name that would fill the screen',
      Buffer.concat([text('a'.repeat(9000)), text('b'), code(0x93)]),
      /refers to a{100}… \(9002 characters\)/,
    ],
  ])('%s', async (_, value, what) => {
    await expect(readAll(wrap(value))).rejects.toMatchObject(unsafe(what));
  });

  const repeated = (what: Uint8Array, times: number) => Buffer.concat(Array.from({ length: times }, () => what));
  /** Ten lists, each ten times in the next: ten lists and 10^10 places. */
  const laughs = (innermost: Uint8Array) =>
    Buffer.concat([
      list(innermost),
      ...Array.from({ length: 10 }, (_, i) =>
        Buffer.concat([code(0x71, i), Buffer.from('0]('), repeated(code(0x68, i), 10), Buffer.from('e')]),
      ),
    ]);

  test.each<[string, Uint8Array, RegExp]>([
    ['an empty pickle', Buffer.alloc(0), /takes a value|ends with 0/],
    ['two values left', Buffer.concat([text('a'), text('b')]), /ends with 2 values/],
    ['a mark left', Buffer.from('(N'), /ends with/],
    ['more taken than there is', Buffer.from('000'), /takes a value that is not there/],
    ['a value below a mark', Buffer.concat([text('a'), Buffer.from('(\x85', 'latin1')]), /not there/],
    ['an unknown instruction', code(0xff), /no instruction/],
    ['a memo that is not there', code(0x68, 7), /recalls value 7/],
    [
      'a memo in the far',
      Buffer.concat([text('a'), code(0x72, 255, 255, 255, 255, 0x6a, 254, 255, 255, 255)]),
      /recalls value 4294967294/,
    ],
    ['items of a list', Buffer.from(']NNs'), /sets items of a list/],
    ['a list as a key', Buffer.from('}]Ns'), /a list as a key/],
    ['a key without a value', Buffer.from('}(Nu'), /key without a value/],
    [
      'lists inside each other',
      Buffer.concat([repeated(Buffer.from(']'), 100_000), repeated(Buffer.from('a'), 99_999)]),
      /more than 32 deep/,
    ],
    ['a list inside itself', Buffer.concat([Buffer.from(']q\x00h\x00a')]), /more than 32 deep/],
    ['lists that hold each other ten times', laughs(text('a')), /more than 1000000 values/],
    ['lists that hold a tensor in more ways than can be named', laughs(tensor(two)), /more than 100000 tensors/],
    ['a million and one values', repeated(Buffer.from('N0'), 1_000_001), /more than 1000000 values/],
    ['a million and one marks', repeated(Buffer.from('('), 1_000_001), /opens too much/],
    ['a whole number of 255 bytes', Buffer.concat([code(0x8a, 255), Buffer.alloc(255)]), /whole number of 255 bytes/],
    ['a whole number of 2 GB', code(0x8b, 255, 255, 255, 127), /whole number of 2147483647 bytes/],
    ['a text of 4 GB', code(0x58, 255, 255, 255, 255), /cut off/],
    ['a text of 2^64 bytes', code(0x8d, 255, 255, 255, 255, 255, 255, 255, 255), /cut off/],
    ['a text that is none', code(0x58, 1, 0, 0, 0, 0xff), /not UTF-8/],
    ['a protocol to come', code(0x80, 6), /protocol/],
    ['a name without an end', Buffer.from(`c${'a'.repeat(2000)}`), /does not end/],
    ['one name for two tensors', dict({ 'a.b': tensor(two), a: dict({ b: tensor(two) }) }), /two tensors named a\.b/],
    [
      'a tensor under a tuple',
      Buffer.concat([Buffer.from('}'), tuple(), tensor(two), Buffer.from('s')]),
      /under a tuple/,
    ],
    [
      'a Namespace of a text',
      Buffer.concat([global('argparse', 'Namespace'), tuple(text('a')), code(0x81)]),
      /made of/,
    ],
    ['NEWOBJ without a tuple', Buffer.concat([global('argparse', 'Namespace'), text('a'), code(0x81)]), /with a text/],
    [
      'a Namespace inside itself',
      Buffer.concat([
        ...[global('argparse', 'Namespace'), Buffer.from(')\x81', 'latin1'), code(0x71, 0)],
        ...[Buffer.from('}'), text('a'), code(0x68, 0), Buffer.from('sb')],
      ]),
      /more than 32 deep/,
    ],
    ['items of a Namespace', Buffer.concat([namespace(dict({})), Buffer.from('NNs')]), /sets items of a Namespace/],
    ['an OrderedDict of a list', call(global('collections', 'OrderedDict'), list(text('a'))), /made of something/],
    ['a tensor of a number', call(global('torch._utils', '_rebuild_tensor_v2'), integer(1)), /made of a number/],
    ['a parameter of a text', call(global('torch._utils', '_rebuild_parameter'), text('a')), /made of a text/],
  ])('%s is refused as damaged', async (_, value, what) => {
    await expect(readAll(wrap(value))).rejects.toMatchObject(damaged(what));
  });

  test.each<[string, TensorSaid, RegExp]>([
    ['longer than its storage', { count: 2, shape: [3], strides: [1] }, /3 elements, its storage 2/],
    ['behind the end of its storage', { count: 2, offset: 1, shape: [2], strides: [1] }, /reaches element 2/],
    ['with strides that leave it', { count: 2, shape: [2], strides: [2] }, /reaches element 2/],
    ['with a step of zero', { count: 2, shape: [2 ** 40], strides: [0] }, /elements, its storage 2/],
    ['with a negative offset', { count: 2, offset: -1, shape: [1], strides: [1] }, /no count/],
    ['with a negative stride', { count: 2, offset: 1, shape: [2], strides: [-1] }, /no counts/],
    ['with a negative side', { count: 2, shape: [-2], strides: [1] }, /no counts/],
    [
      'with more elements than numbers',
      { count: 2, shape: [2 ** 40, 2 ** 40], strides: [1, 1] },
      /more elements than can be counted/,
    ],
    ['with sides past all numbers', { count: 2, shape: [2n ** 80n], strides: [1] }, /no counts/],
    [
      'whose elements wrap to none in 64 bits',
      { count: 2, shape: [2 ** 32, 2 ** 32], strides: [1, 1] },
      /more elements/,
    ],
    ['with sides and no strides', { count: 2, shape: [2], strides: [] }, /1 sides and 0 strides/],
    ['with a hundred sides', { count: 2, shape: Array(100).fill(1), strides: Array(100).fill(1) }, /no counts/],
    ['in a storage that is shorter in the file', { count: 3, shape: [3], strides: [1] }, /storage 0 has/],
    ['in a storage that is longer in the file', { count: 1, shape: [1], strides: [1] }, /storage 0 has/],
    ['in a storage of 2^60 elements', { count: 2n ** 60n, shape: [1], strides: [1] }, /no type, name or size/],
    ['in a storage of -1 elements', { count: -1, shape: [], strides: [] }, /no type, name or size/],
    ['in a storage that is not there', { ...two, key: '7' }, /storage (?:7 is not in it|0 belongs to no tensor)/],
  ])('a tensor %s', async (_, said, what) => {
    await expect(readAll(wrap(dict({ a: tensor(said) })))).rejects.toMatchObject(damaged(what));
  });

  test.each<[string, Partial<TensorSaid>]>([
    ['types', { storage: 'IntStorage' }],
    ['sizes', { count: 3 }],
  ])('a storage of two %s', async (_, other) => {
    const value = dict({ a: tensor(two), b: tensor({ ...two, ...other }) });
    await expect(readAll(wrap(value))).rejects.toMatchObject(damaged(/two types or sizes/));
  });

  test('no tensor at all', async () => {
    await expect(opened(wrap(dict({ a: text('b') })), () => 0)).rejects.toMatchObject({
      code: expect.stringMatching(/KIND|DAMAGED/),
    });
  });
});

describe('archives', () => {
  const pkl: ZipFile = { name: 'x/data.pkl', content: pickle(dict({ a: tensor(two) })) };
  const data: ZipFile = { name: 'x/data/0', content: floats(1, 2) };
  test.each<[string, Buffer, RegExp]>([
    ['a deflated entry', zip([pkl, { ...data, method: 8 }]), /compressed/],
    ['a size beyond the file, as a bomb says it', zip([pkl, { ...data, size: 2 ** 31 }]), /compressed/],
    ['a stored size beyond the file', zip([pkl, { ...data, size: 2 ** 31, packed: 2 ** 31 }]), /overlaps/],
    ['sizes of 2^53 in ZIP64', zip([pkl, { ...data, size: 2 ** 53, packed: 2 ** 53 }], { large: true }), /overlaps/],
    [
      'entries that share their bytes',
      zip([pkl, data, { ...data, name: 'x/data/1', at: 30 + pkl.name.length + pkl.content.length }]),
      /overlaps/,
    ],
    ['an entry over the directory', zip([pkl, { ...data, size: 9, packed: 9 }]), /overlaps/],
    ['an entry whose header is elsewhere', zip([pkl, { ...data, at: 4 }]), /overlaps|something else/],
    [
      'another name in its own header',
      zip([pkl, { ...data, ownName: 'x/data/1' }]),
      /something else by its own header/,
    ],
    ['a name twice', zip([pkl, data, data]), /twice/],
    ['an encrypted entry', zip([pkl, { ...data, flags: 1 }]), /encrypted/],
    ['more entries than there are', zip([pkl, data], { count: 3 }), /entry 2 .* is none/],
    ['fewer entries than there are', zip([pkl, data], { count: 1 }), /more than the 1 entries/],
    ['a million entries', zip([pkl, data], { count: 1_000_000, large: true }), /more than is read/],
    ['bytes behind its end', Buffer.concat([zip([pkl, data]), Buffer.alloc(5)]), /something behind|not where/],
    [
      'bytes in front of its directory',
      Buffer.concat([zip([pkl, data]).subarray(0, 40), zip([pkl, data])]),
      /not where/,
    ],
    ['a wrong checksum', zip([pkl, { ...data, crc: 7 }]), /checksum/],
  ])('%s is refused', async (_, bytes, what) => {
    await expect(readAll(bytes)).rejects.toMatchObject(damaged(what));
  });

  test('other archives, programs, pickles, tar files and web pages are called what they are', async () => {
    const kinds: [Uint8Array, RegExp][] = [
      [zip([{ name: 'a.txt', content: floats(1) }]), /ZIP archive that PyTorch has not written/],
      [zip([pkl, data, { name: 'x/code/__torch__.py', content: floats(1) }]), /TorchScript/],
      [pickle(dict({ a: text('b') })), /pickle that PyTorch has not written/],
      [torchLegacy(dict({}), {}, { version: 1002 }), /version of PyTorch/],
      [Buffer.concat([Buffer.alloc(257, 'a'), Buffer.from('ustar')]), /tar archive/],
      [Buffer.from('<!DOCTYPE html><title>Sign in</title>'), /web page/],
      [Buffer.from('hello'), /none of these/],
    ];
    for (const [bytes, message] of kinds)
      await expect(readAll(bytes)).rejects.toMatchObject({
        code: 'ADC_CHECKPOINT_KIND',
        message: expect.stringMatching(message),
      });
    await expect(Checkpoint.open(join(folder, 'nowhere.pth'))).rejects.toMatchObject({
      code: 'ADC_CHECKPOINT_MISSING',
    });
    await expect(Checkpoint.open(folder)).rejects.toMatchObject({ code: 'ADC_CHECKPOINT_DAMAGED' });
  });
});

test('a tensor of a large checkpoint is read without the others', async () => {
  const count = 2 ** 22;
  const one = (key: string): TensorSaid => ({ key, count, shape: [2048, 2048], strides: [1, 2048] });
  const part: TensorSaid = { ...one('1'), offset: 5, shape: [2, 2], strides: [1, 2048] };
  const elements = Float32Array.from({ length: count }, (_, i) => i % 1000);
  const bytes = torchZip(dict({ a: tensor(one('0')), b: tensor(part) }), {
    0: new Uint8Array(elements.buffer),
    1: new Uint8Array(elements.buffer),
  });
  await opened(bytes, async (checkpoint) => {
    const before = process.memoryUsage().arrayBuffers;
    const { data } = await checkpoint.read('b');
    expect([...(data as Float32Array)]).toEqual([5, 2053 % 1000, 6, 2054 % 1000]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 2 ** 20);
  });
});
