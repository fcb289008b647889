// The signed-in user's own affairs: proof, password, contact, profile, the end.

const NEW = 'N3wPassw0rd!'

// Tell which password opens the account now.
async function opens(t, user) {
  const tried = {}
  for (const [name, password] of [['old', user.password], ['new', NEW]]) {
    const signed = t.signIn(t.client(), { username: user.username, password })
    tried[name] = await signed.then(() => true, () => false)
  }
  return tried
}

export const account = {
  async 'sudo: password'(t) {
    const { auth, user } = await t.signedIn()
    const got = await t.call(() => auth.sudo({ password: user.password }))
    return { token: typeof got.sudo_token === 'string', expires_in: got.expires_in }
  },

  async 'sudo: verification token'(t) {
    const { auth, user } = await t.signedIn()
    const { phone_number } = user
    const verification_token = await t.proof(t.client(), { phone_number })
    const got = await t.call(() => auth.sudo({ verification_token }))
    return { token: typeof got.sudo_token === 'string' }
  },

  async checkPassword(t) {
    const { auth, user } = await t.signedIn()
    const { password } = user
    const got = await t.call(() => auth.checkPassword({ password }))
    const wrong = await auth.checkPassword({ password: 'no' }).catch((refusal) => refusal)
    return { token: typeof got.sudo_token === 'string', wrong: wrong.error }
  },

  async setPassword(t) {
    const { auth, user } = await t.signedIn()
    const { sudo_token } = await auth.sudo({ password: user.password })
    await t.call(() => auth.setPassword({ new_password: NEW, sudo_token }))
    return opens(t, user)
  },

  async updatePasswordByOld(t) {
    const { auth, user } = await t.signedIn()
    const given = { old_password: user.password, new_password: NEW }
    await t.call(() => auth.updatePasswordByOld(given))
    return opens(t, user)
  },

  async 'updateUserBasicInfo: password'(t) {
    const { auth, user } = await t.signedIn()
    const given = { password: user.password, new_password: NEW }
    await t.call(() => auth.updateUserBasicInfo(given))
    return opens(t, user)
  },

  async 'resetPassword: phone'(t) {
    const [auth, user] = [t.client(), await t.user()]
    const { phone_number } = user
    const verification_token = await t.proof(auth, { phone_number })
    const given = { phone_number, verification_token, new_password: NEW }
    await t.call(() => auth.resetPassword(given))
    return opens(t, user)
  },

  async 'resetPassword: email'(t) {
    const [auth, user] = [t.client(), await t.user()]
    const { email } = user
    const verification_token = await t.proof(auth, { email }, { target: 'USER' })
    await t.call(() => auth.resetPassword({ email, verification_token, new_password: NEW }))
    return opens(t, user)
  },

  async 'editContact: phone'(t) {
    const { auth, user } = await t.signedIn()
    const phone_number = `+86 ${t.phone()}`
    const verification_token = await t.proof(t.client(), { phone_number })
    const { sudo_token } = await auth.sudo({ password: user.password })
    await t.call(() => auth.editContact({ phone_number, sudo_token, verification_token }))
    return { changed: (await auth.getUserInfo()).phone_number === phone_number }
  },

  async 'editContact: email of another'(t) {
    const { auth, user } = await t.signedIn()
    const { email } = await t.user()
    const verification_token = await t.proof(t.client(), { email })
    const { sudo_token } = await auth.sudo({ password: user.password })
    const given = { email, sudo_token, verification_token, conflict_resolution: 'TRANSFER' }
    await t.call(() => auth.editContact(given))
    return { changed: (await auth.getUserInfo()).email === email }
  },

  async updateUserBasicInfo(t) {
    const { auth } = await t.signedIn()
    const given = {
      nickname: 'Nick',
      username: `renamed${t.phone()}`,
      description: 'About me',
      avatar_url: 'https://app.example/face.png',
      gender: 'FEMALE',
      email: t.email(),
      phone: `+86 ${t.phone()}`,
    }
    await t.call(() => auth.updateUserBasicInfo(given))
    const me = await auth.getUserInfo()
    return {
      name: me.name,
      username: me.username === given.username,
      picture: me.picture,
      gender: me.gender,
      email: me.email === given.email,
      phone: me.phone_number === given.phone,
    }
  },

  async setUserProfile(t) {
    const { auth } = await t.signedIn()
    const got = await t.call(() => auth.setUserProfile({ name: 'Nick', gender: 'FEMALE' }))
    return { name: got.name, gender: got.gender, kept: (await auth.getUserInfo()).name }
  },

  async deleteMe(t) {
    const { auth, user } = await t.signedIn()
    const { sudo_token } = await auth.sudo({ password: user.password })
    await t.call(() => auth.deleteMe({ sudo_token }))
    return opens(t, user)
  },

  async modifyPassword(t) {
    const { auth, user } = await t.signedIn()
    const given = { user_id: user.sub, password: user.password, new_password: NEW }
    await t.call(() => auth.modifyPassword(given))
    return opens(t, user)
  },

  async modifyPasswordWithoutLogin(t) {
    const user = await t.user()
    const { username, password } = user
    const given = { username, password, new_password: NEW }
    await t.call(() => t.client().modifyPasswordWithoutLogin(given))
    return opens(t, user)
  },
}
