// The story with the official JavaScript client alone.
// One argument: JSON with `origin`, `env`, `modules`, `username` and `password`.

import assert from 'node:assert'

import { Harness } from '../js/harness.mjs'

const { username, password, ...told } = JSON.parse(process.argv[2])
const t = new Harness(told)
const auth = t.client()

const { access_token: first } = await auth.signIn({ username, password })
const { name } = await auth.getUserInfo()

// Two hours pass, here and there; the client sees that its token is dead, and refreshes.
await t.wait(7200)
const { sub } = await auth.getUserInfo()
const { access_token: last } = await auth.getCredentials()
assert.notEqual(first, last)

await auth.signOut()
assert.equal(await auth.hasLoginState(), false)
process.stdout.write(`${JSON.stringify({ sub, name, last })}\n`)
