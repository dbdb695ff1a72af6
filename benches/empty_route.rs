//! An axum route that reads a body and answers a constant: what HTTP itself costs, beside `benches/load.sh`.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;

#[tokio::main]
async fn main() {
    let address = std::env::args().skip_while(|argument| argument != "--listen").nth(1);
    let listener = tokio::net::TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:0")).await.unwrap();
    eprintln!("empty-route: http://{}", listener.local_addr().unwrap());
    let routes = Router::new().route("/predict/", post(answer)).route("/v1/code", post(answer));
    axum::serve(listener, routes).await.unwrap();
}

async fn answer(body: Bytes) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], if body.is_empty() { "[]" } else { "[{}]" })
}
