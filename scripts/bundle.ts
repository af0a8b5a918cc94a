import { workflowBundle } from './start/bundle.ts';

// `node scripts/bundle.ts <folder>`: bundles the workflows into it, for ABETWORKS_BUNDLE_DIR of an image.
const [folder] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('Say where to: node scripts/bundle.ts <folder>\n');
  process.exit(1);
}
const { codePath } = await workflowBundle(folder, (line) => process.stdout.write(`${line}…\n`));
process.stdout.write(`${codePath}\n`);
