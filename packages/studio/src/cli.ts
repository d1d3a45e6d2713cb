#!/usr/bin/env node
/** The `adclick` command. */
import { main } from './cli/main.ts';

await main(process.argv);
