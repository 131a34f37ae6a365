import { checkAll } from './checks/check-all.ts'
import { checkoutRoot } from './servers/installed-tools.ts'

/** `npm run check`: what can be said of the code without running it. */
process.exitCode = (await checkAll(checkoutRoot, console.log)) ? 0 : 1
