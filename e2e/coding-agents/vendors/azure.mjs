// Azure's Resource Manager: the subscriptions of who asks.
export const subscriptions = () => ({
  status: 200,
  json: { value: [{ subscriptionId: '11111111-2222-3333-4444-555555555555', displayName: 'e2e', state: 'Enabled' }] },
})
