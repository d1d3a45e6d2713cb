/** Element-wise ops; operands broadcast as in NumPy. */
import type { Value } from '../graph.ts';
import { cast } from './cast.ts';
import { broadcastShape, emit, shapeError, track, unary } from './common.ts';
import { sumTo } from './reduce.ts';
import { addScalar, scale } from './scalars.ts';

function binary(op: string, a: Value, b: Value, backward: (dy: Value, y: Value) => readonly [Value, Value]): Value {
  const shape = broadcastShape(op, a.shape, b.shape);
  const y = emit(a.graph, op, [a, b], shape, {}, a.dtype);
  return track(y, [a, b], (dy) => {
    const [da, db] = backward(dy, y);
    return [a.needsGrad ? sumTo(da, a.shape) : null, b.needsGrad ? sumTo(db, b.shape) : null];
  });
}

const compare = (op: 'Greater' | 'GreaterOrEqual' | 'Equal', a: Value, b: Value): Value =>
  emit(a.graph, op, [a, b], broadcastShape(op, a.shape, b.shape), {}, 'bool');

/** a + b */
export const add = (a: Value, b: Value): Value => binary('Add', a, b, (dy) => [dy, dy]);

/** a - b */
export const sub = (a: Value, b: Value): Value => binary('Sub', a, b, (dy) => [dy, neg(dy)]);

/** a · b */
export const mul = (a: Value, b: Value): Value => binary('Mul', a, b, (dy) => [mul(dy, b), mul(dy, a)]);

/** a / b */
export const div = (a: Value, b: Value): Value => binary('Div', a, b, (dy, y) => [div(dy, b), neg(div(mul(dy, y), b))]);

/** The larger of a and b; where they are equal the gradient goes to `a`. */
export const maximum = (a: Value, b: Value): Value =>
  binary('Max', a, b, (dy) => {
    const first = compare('GreaterOrEqual', a, b);
    const zero = dy.graph.scalar(0);
    return [where(first, dy, zero), where(first, zero, dy)];
  });

/** True (type bool) where a > b; has no gradient. */
export const greater = (a: Value, b: Value): Value => compare('Greater', a, b);

/** True (type bool) where a = b; has no gradient. */
export const equal = (a: Value, b: Value): Value => compare('Equal', a, b);

/** `a` where the boolean condition holds, else `b`. */
export function where(condition: Value, a: Value, b: Value): Value {
  if (condition.dtype !== 'bool') throw shapeError('where', `the condition is ${condition.dtype}`, condition.shape);
  const shape = broadcastShape('where', condition.shape, broadcastShape('where', a.shape, b.shape));
  const y = emit(a.graph, 'Where', [condition, a, b], shape, {}, a.dtype);
  return track(y, [a, b], (dy) => {
    const zero = dy.graph.scalar(0);
    return [
      a.needsGrad ? sumTo(where(condition, dy, zero), a.shape) : null,
      b.needsGrad ? sumTo(where(condition, zero, dy), b.shape) : null,
    ];
  });
}

/** -x */
export const neg = (x: Value): Value => unary('Neg', x, (dy) => neg(dy));

/** e^x */
export const exp = (x: Value): Value => unary('Exp', x, (dy, y) => mul(dy, y));

/** Natural logarithm. */
export const log = (x: Value): Value => unary('Log', x, (dy) => div(dy, x));

/** log(1 + x), with the absolute accuracy of float32 at 1 (6e-8). */
export const log1p = (x: Value): Value => log(addScalar(x, 1));

/** Square root; its gradient at 0 is infinite. */
export const sqrt = (x: Value): Value => unary('Sqrt', x, (dy, y) => scale(div(dy, y), 0.5));

/** x to the power of a number k; x must be positive where k is no whole number. */
export const pow = (x: Value, k: number): Value =>
  unary('Pow', x, (dy) => mul(dy, scale(pow(x, k - 1), k)), [x.graph.scalar(k)]);

/** x² */
export function square(x: Value): Value {
  const y = emit(x.graph, 'Mul', [x, x], x.shape);
  return track(y, [x], (dy) => [scale(mul(dy, x), 2)]);
}

/** |x|, with gradient 0 at 0. */
export const abs = (x: Value): Value => unary('Abs', x, (dy) => mul(dy, emit(x.graph, 'Sign', [x], x.shape)));

/** The largest whole number that is not above x; has no gradient. */
export const floor = (x: Value): Value => emit(x.graph, 'Floor', [x], x.shape, {}, x.dtype);

/** 1 / (1 + e^-x) */
export const sigmoid = (x: Value): Value =>
  unary('Sigmoid', x, (dy, y) => {
    const t = mul(dy, y);
    return sub(t, mul(t, y));
  });

/** max(x, 0), with gradient 0 at 0. */
export const relu = (x: Value): Value =>
  unary('Relu', x, (dy, y) => mul(dy, cast(greater(y, y.graph.scalar(0)), 'float32')));

/** x limited to [low, high]; the gradient is 0 outside. */
export const clamp = (x: Value, low: number, high: number): Value =>
  unary('Clip', x, (dy, y) => where(equal(x, y), dy, y.graph.scalar(0)), [x.graph.scalar(low), x.graph.scalar(high)]);

/** log(1 + e^x), without overflow for large x. */
export const softplus = (x: Value): Value => unary('Softplus', x, (dy) => mul(dy, sigmoid(x)));

/** Factors before and behind {@link bareGelu} that make it GELU. */
export const BARE_GELU = { before: Math.SQRT1_2, behind: Math.SQRT2 } as const;

/** Gaussian error linear unit x·Φ(x), exact (not the tanh form). */
export const gelu = (x: Value): Value =>
  x.needsGrad ? scale(bareGelu(scale(x, BARE_GELU.before)).y, BARE_GELU.behind) : emit(x.graph, 'Gelu', [x], x.shape);

/**
 * GELU without its factors, which cost nothing inside the weights before and behind it: y = u·Φ(√2·u) = gelu(√2·u) / √2.
 * Its slope Φ(√2·u) + u·e^(-u²)/√π is made on the way and kept for the gradient. Making it again there, from u alone, saves memory and
 * costs 3 to 7 % of a training step (ours, measured on the network of `npm run bench:speed`).
 * HardSigmoid is (1 + erf) / 2 in one pass, in place; dividing by e^(u²) spares the pass that turns a sign (where it overflows the
 * quotient is 0, as it should be).
 */
export function bareGelu(u: Value): { readonly y: Value; readonly slope: Value } {
  const { graph, shape } = u;
  const half = { float: 0.5 };
  const share = emit(graph, 'HardSigmoid', [emit(graph, 'Erf', [u], shape)], shape, { alpha: half, beta: half });
  const square = emit(graph, 'Mul', [u, u], shape);
  const tail = emit(graph, 'Div', [u, emit(graph, 'Exp', [square], shape)], shape);
  const scaled = emit(graph, 'Mul', [tail, graph.scalar(1 / Math.sqrt(Math.PI))], shape);
  const slope = emit(graph, 'Add', [scaled, share], shape);
  const y = emit(graph, 'Mul', [u, share], shape);
  return { y: track(y, [u], (dy) => [mul(dy, slope)]), slope };
}

/**
 * The same value, computed after `witness`: onnxruntime computes what only the backward pass needs when it comes to it, and keeps
 * until then what that is made of.
 */
export function after(value: Value, witness: Value): Value {
  const { graph } = value;
  const ends = witness.shape.map(() => 1);
  const [from, to, axes] = [ends.map(() => 0), ends, ends.map((_, axis) => axis)].map((list) => graph.int64(list));
  const corner = emit(graph, 'Slice', [witness, from, to, axes], ends);
  const never = graph.constant(Uint8Array.of(0), [1], 'bool');
  const shape = broadcastShape('after', corner.shape, value.shape);
  return track(emit(graph, 'Where', [never, corner, value], shape), [value], (dy) => [sumTo(dy, value.shape)]);
}
