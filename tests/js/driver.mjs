// Run every call of the official client against an emulator that is up already.
// Reports what there is to be called first, then a row for each call.
// One argument: JSON with `origin`, `env` and `modules`, the folder of npm's package.json; also
// `only`, the calls to make unless it is all of them, and `secret`, for where no user can sign
// in without it.

import { account } from './account.mjs'
import { classes } from './classes.mjs'
import { codes } from './codes.mjs'
import { Harness } from './harness.mjs'
import { others } from './others.mjs'
import { providers } from './providers.mjs'
import { sessions } from './sessions.mjs'
import { surface } from './surface.mjs'

const told = JSON.parse(process.argv[2])
const harness = new Harness(told)
process.stdout.write(`${JSON.stringify(surface(told.modules))}\n`)
for (const table of [sessions, codes, providers, account, others, classes]) {
  for (const [method, act] of Object.entries(table)) {
    if (told.only?.includes(method) ?? true) await harness.row(method, act)
  }
}
