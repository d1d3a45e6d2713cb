/** Writing prompts as a job that people watch. */
import { counted, type Job } from '../api.ts';
import type { Jobs } from '../jobs/jobs.ts';
import type { GenerateRequest, PromptService } from './prompts.ts';

/** Starts it. What cannot be asked for is refused at once, not by a job that fails. @throws what {@link PromptService.list} throws. */
export async function startPrompts(prompts: PromptService, jobs: Jobs, request: GenerateRequest): Promise<Job> {
  const { category, type } = request;
  await prompts.list(category, type);
  const label = ['Prompts', ...(type ? [`of ${type}`] : []), ...(category ? [`for ${category}`] : [])].join(' ');
  return jobs.start('prompts', label, async (options) => {
    const { made, kept } = await prompts.generate(request, options);
    const phrases = made.reduce((sum, one) => sum + one.phrases, 0);
    return `${counted(phrases, 'prompt')} for ${counted(made.length, 'type')}${kept > 0 ? `; ${kept} had some already` : ''}.`;
  });
}
