/** `@adclick/core/language`: phrases that describe a defect type, and the text features that they become. */
export {
  generatedPromptFault,
  objectName,
  offlinePrompts,
  PROMPTS,
  PROMPTS_ASKED,
  promptFault,
  promptInstruction,
  tidyPrompt,
} from '../language/prompts.ts';
export {
  DEFAULT_TEXT_ENCODER,
  type EncodedText,
  TEXT_ENCODERS,
  type TextEncoderEntry,
  type TextEncoderName,
  TextModel,
} from '../language/text-encoder.ts';
export { type MaskRule, sentenceFeatures, type TextFeatures, textFeatures } from '../language/text-features.ts';
