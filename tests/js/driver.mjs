// Run every call of the official client against an emulator that is up already.
// Reports the client's methods first, then a row for each call.
// One argument: JSON with `origin`, `env` and `modules`, the folder of npm's package.json; also
// `only`, the calls to make unless it is all of them, and `secret`, for where no user can sign
// in without it.

import { account } from './account.mjs'
import { codes } from './codes.mjs'
import { Harness } from './harness.mjs'
import { others } from './others.mjs'
import { providers } from './providers.mjs'
import { sessions } from './sessions.mjs'

const told = JSON.parse(process.argv[2])
const harness = new Harness(told)
const { prototype } = harness.package.Auth
const methods = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor')
process.stdout.write(`${JSON.stringify({ methods })}\n`)
for (const table of [sessions, codes, providers, account, others]) {
  for (const [method, act] of Object.entries(table)) {
    if (told.only?.includes(method) ?? true) await harness.row(method, act)
  }
}
