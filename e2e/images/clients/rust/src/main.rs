//! Prints the body of a URL, with one of the ways in which Rust programs trust: fetch STORE URL
use reqwest::blocking::Client;
use reqwest::Certificate;
use rustls::{ClientConfig, RootCertStore};

type Failure = Box<dyn std::error::Error>;

fn client(store: &str) -> Result<Client, Failure> {
    let builder = Client::builder();
    Ok(match store {
        // OpenSSL.
        "native-tls" => builder.use_native_tls().build()?,
        // reqwest's own default.
        "platform-verifier" => builder.use_rustls_tls().build()?,
        "native-certs" => {
            let found = rustls_native_certs::load_native_certs().certs;
            let roots = found.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>()?;
            builder.tls_certs_only(roots).build()?
        }
        // Compiled in: nothing from outside is believed.
        "webpki-roots" => {
            let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
            builder.tls_backend_preconfigured(config).build()?
        }
        _ => return Err(format!("store {store}: expected native-tls, platform-verifier, native-certs or webpki-roots").into()),
    })
}

fn main() -> Result<(), Failure> {
    let (Some(store), Some(url)) = (std::env::args().nth(1), std::env::args().nth(2)) else {
        return Err("usage: fetch STORE URL".into());
    };
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "a provider is installed already")?;
    print!("{}", client(&store)?.get(url).send()?.error_for_status()?.text()?);
    Ok(())
}
