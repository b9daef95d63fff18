//! Lists every device of a project. That tokens expire and servers say 429 is the client's business.

use std::error::Error;
use std::pin::pin;

use futures_util::StreamExt;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a program that prints")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (email, password) = (std::env::var("ROBOTICKS_EMAIL")?, std::env::var("ROBOTICKS_PASSWORD")?);
    let client = roboticks::Client::builder().login(email, password).build()?;
    let mut devices = pin!(client.devices().list("acme", "warehouse").items());
    let mut count = 0;
    while let Some(device) = devices.next().await {
        let device = device?;
        println!("{} {} {}", device.serial_number, device.status, device.name);
        count += 1;
    }
    println!("{count} devices");
    Ok(())
}
