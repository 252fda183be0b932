// The certificate library decorates its classes and needs this polyfill before anything of it is loaded.
import 'reflect-metadata'

export * from '@peculiar/x509'
