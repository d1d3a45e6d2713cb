/** Has to run before any schema is made: the content security policy forbids functions from text, which zod would make to be faster. */
import { config } from 'zod';

config({ jitless: true });
