/** `@adclick/core/synthesis`: products, defects and textures that are drawn from a seed. */
export { Random } from '../random.ts';
export {
  ANOMALY_KINDS,
  type AnomalyKind,
  type AnomalyOptions,
  type SimulatedAnomaly,
  simulateAnomaly,
} from '../synthesis/anomalies/index.ts';
export { randomTexture, TEXTURE_FAMILIES } from '../synthesis/drawing/textures.ts';
export { makeProduct, PRODUCT_KINDS, type Product, type ProductKind } from '../synthesis/products/index.ts';
export {
  type DefectSample,
  findSampleProduct,
  SAMPLE_PRODUCTS,
  type SampleOptions,
  type SampleProduct,
  sampleDefects,
  sampleGoods,
  writeSampleProduct,
} from '../synthesis/samples.ts';
