//! A headless Chromium, spoken to in its own DevTools protocol: tabs, what they evaluate, and what goes
//! wrong in them.
//!
//! `chromium` has to be on the path. It gets a profile of its own, and ends with this value.

use crate::peers::within;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::{
    connect_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

/// A browser. See the module's text.
pub struct Chromium {
    child: Child,
    calls: mpsc::UnboundedSender<Call>,
    heard: Arc<Mutex<Vec<Value>>>,
    _profile: TempDir,
}

struct Call {
    message: Value,
    answer: oneshot::Sender<Value>,
}

/// A page in the browser.
pub struct Tab {
    calls: mpsc::UnboundedSender<Call>,
    heard: Arc<Mutex<Vec<Value>>>,
    session: String,
}

impl Chromium {
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("chromium")
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-extensions", "--remote-debugging-port=0"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("chromium is on the path (Debian: apt-get install chromium)");
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (found, address) = oneshot::channel();
        std::thread::spawn(move || {
            let mut found = Some(found);
            for line in stderr.lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once("DevTools listening on ")
                    && let Some(found) = found.take()
                {
                    let _ = found.send(address.trim().to_owned());
                }
            }
        });
        let address = within("Chromium listens", address).await.unwrap();
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let connecting = connect_async_with_config(address, Some(config), true);
        let (socket, _) = within("Chromium answers", connecting).await.unwrap();
        let (mut sink, mut stream) = socket.split();
        let (calls, mut to_send) = mpsc::unbounded_channel::<Call>();
        let heard = Arc::<Mutex<Vec<Value>>>::default();
        let events = Arc::clone(&heard);
        tokio::spawn(async move {
            let (mut next, mut waiting) = (0_u64, BTreeMap::new());
            loop {
                tokio::select! {
                    call = to_send.recv() => {
                        let Some(Call { mut message, answer }) = call else { return };
                        next += 1;
                        message["id"] = json!(next);
                        waiting.insert(next, answer);
                        if sink.send(Message::text(message.to_string())).await.is_err() { return }
                    }
                    frame = stream.next() => {
                        let Some(Ok(frame)) = frame else { return };
                        let Ok(text) = frame.into_text() else { continue };
                        let Ok(message) = serde_json::from_str::<Value>(&text) else { continue };
                        match message["id"].as_u64().and_then(|id| waiting.remove(&id)) {
                            Some(answer) => { let _ = answer.send(message); }
                            None => events.lock().unwrap().push(message),
                        }
                    }
                }
            }
        });
        Self { child, calls, heard, _profile: profile }
    }

    /// A new tab at this address, in which nothing has been done, and which shows what happens.
    pub async fn open(&self, url: &str) -> Tab {
        let tab = self.visit(url).await;
        tab.until("chittychat.status().connected").await;
        tab
    }

    /// A new tab at this address, in which nothing has been done.
    pub async fn visit(&self, url: &str) -> Tab {
        let none = json!({});
        let context = ask(&self.calls, "Target.createBrowserContext", none, None).await;
        let params = json!({"url": "about:blank", "browserContextId": context["browserContextId"]});
        let target = ask(&self.calls, "Target.createTarget", params, None).await;
        let params = json!({"targetId": target["targetId"], "flatten": true});
        let attached = ask(&self.calls, "Target.attachToTarget", params, None).await;
        let session = attached["sessionId"].as_str().unwrap().to_owned();
        let tab = Tab { calls: self.calls.clone(), heard: Arc::clone(&self.heard), session };
        for domain in ["Runtime.enable", "Log.enable", "Page.enable"] {
            tab.ask(domain, json!({})).await;
        }
        tab.size(1280, 800, false).await;
        tab.ask("Page.navigate", json!({"url": url})).await;
        tab.until("typeof chittychat === 'object'").await;
        tab
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It has ended already, or it ends now.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn ask(
    calls: &mpsc::UnboundedSender<Call>,
    method: &str,
    params: Value,
    session: Option<&str>,
) -> Value {
    let mut message = json!({"method": method, "params": params});
    if let Some(session) = session {
        message["sessionId"] = json!(session);
    }
    let (answer, answered) = oneshot::channel();
    assert!(calls.send(Call { message, answer }).is_ok(), "the browser is there");
    let mut answer = within(method, answered).await.expect("the browser answers");
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].take()
}

impl Tab {
    /// A call of the DevTools protocol.
    pub async fn ask(&self, method: &str, params: Value) -> Value {
        ask(&self.calls, method, params, Some(&self.session)).await
    }

    /// What an expression is, awaited if it is a promise.
    pub async fn eval(&self, expression: &str) -> Value {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.ask("Runtime.evaluate", params).await;
        let wrong = answer.get("exceptionDetails");
        assert!(wrong.is_none(), "{expression}: {wrong:?}");
        answer["result"]["value"].take()
    }

    /// Waits until an expression is true: it is looked at once in each of the page's frames.
    pub async fn until(&self, expression: &str) {
        let wait = format!(
            "new Promise(done => {{ const look = () => {{ let is = false; try {{ is = {expression} }} \
             catch {{}} if (is) done(true); else setTimeout(look, 20); }}; look(); }})"
        );
        // The promise is gone if the page is another one meanwhile: then it is asked again.
        let look = async {
            loop {
                let params =
                    json!({"expression": wait, "awaitPromise": true, "returnByValue": true});
                let mut message = json!({"method": "Runtime.evaluate", "params": params});
                message["sessionId"] = json!(self.session);
                let (answer, answered) = oneshot::channel();
                assert!(self.calls.send(Call { message, answer }).is_ok());
                let answer = answered.await.expect("the browser answers");
                if answer["result"]["result"]["value"] == true {
                    return;
                }
            }
        };
        within(expression, look).await;
    }

    /// The size of the window in CSS pixels, and whether it is dark.
    pub async fn size(&self, width: u32, height: u32, is_dark: bool) {
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.ask("Emulation.setEmulatedMedia", json!({"features": features})).await;
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.ask("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// A real click at a place.
    pub async fn click(&self, x: f64, y: f64) {
        for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let event = json!({"type": kind, "x": x, "y": y, "button": button, "clickCount": 1});
            self.ask("Input.dispatchMouseEvent", event).await;
        }
    }

    /// A real click on an event of the diagram, which is scrolled into view for it.
    pub async fn click_event(&self, node: u64, time: u64) {
        let find = format!("chittychat.model.find({node},{time})");
        self.eval(&format!("chittychat.view.halt(); chittychat.view.reveal({find})")).await;
        self.drawn().await;
        let spot = self.eval(&format!("chittychat.spot({node},{time})")).await;
        self.click(spot["x"].as_f64().unwrap(), spot["y"].as_f64().unwrap()).await;
    }

    /// Waits until the page has drawn itself since now: for a new size, and for what follows from that.
    pub async fn drawn(&self) {
        let frame = "await new Promise(requestAnimationFrame);";
        self.eval(&format!("(async () => {{ {} }})()", frame.repeat(4))).await;
    }

    /// A real key.
    pub async fn press(&self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code,
            });
            self.ask("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Writes into the field with this id, as somebody who types.
    pub async fn write(&self, id: &str, text: &str) {
        self.eval(&format!("document.getElementById('{id}').focus()")).await;
        self.ask("Input.insertText", json!({"text": text})).await;
    }

    /// Clicks on the element with this id, where it is.
    pub async fn press_button(&self, id: &str) {
        let place = format!(
            "(() => {{ const e = document.getElementById('{id}'); e.scrollIntoView({{block: 'center'}}); \
             const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        );
        let place = self.eval(&place).await;
        self.click(place[0].as_f64().unwrap(), place[1].as_f64().unwrap()).await;
    }

    /// A picture of it, as a PNG.
    pub async fn picture(&self) -> Vec<u8> {
        let shot = self.ask("Page.captureScreenshot", json!({"format": "png"})).await;
        unbase64(shot["data"].as_str().unwrap())
    }

    /// What went wrong in this tab: exceptions, errors on the console, refused resources, dialogs.
    pub fn faults(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let of_this = heard.iter().filter(|it| it["sessionId"] == self.session.as_str());
        let faults = of_this.filter(|it| match it["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" | "Page.javascriptDialogOpening" => true,
            "Runtime.consoleAPICalled" => {
                ["error", "warning", "assert"].contains(&it["params"]["type"].as_str().unwrap())
            }
            "Log.entryAdded" => {
                ["error", "warning"].contains(&it["params"]["entry"]["level"].as_str().unwrap())
            }
            _ => false,
        });
        faults.map(ToString::to_string).collect()
    }
}

/// The bytes of a base64 text.
fn unbase64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(value).collect();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for four in digits.chunks(4) {
        let bits = four.iter().fold(0_u32, |bits, digit| (bits << 6) | u32::from(*digit));
        let bits = bits << (6 * (4 - four.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}
