"""The console as an operator sees it: a real Chromium on a real house."""

import pytest
from playwright.async_api import Page, expect

from cambista.console.texts import EN, ES, Texts
from tests.browser.conftest import PATIENCE_MS, Visitor, rich_customer, staff_key
from tests.e2e.clients import Caller, good

expect.set_options(timeout=PATIENCE_MS)


async def test_a_wrong_key_is_refused_at_the_door(visitor: Visitor) -> None:
    page = await visitor.sign_in("cmb_not_a_key")
    await expect(page.get_by_role("alert")).to_have_text(ES.sign_in_refused)
    await expect(page.locator(".desk")).to_have_count(0)
    await page.goto(f"{visitor.house.url}/console/")
    await expect(page.locator("#email")).to_be_visible()
    # The browser itself reports the answer 401; nothing else may be there.
    assert [error for error in visitor.errors if "401" not in error] == []
    visitor.errors.clear()


async def test_the_door_speaks_both_languages(visitor: Visitor) -> None:
    page = visitor.page
    await page.goto(f"{visitor.house.url}/console")
    await expect(page.locator("h1")).to_have_text(ES.sign_in_title)
    await page.get_by_role("link", name="EN", exact=True).click()
    await expect(page.locator("h1")).to_have_text(EN.sign_in_title)


async def test_prices_move_before_the_operators_eyes(visitor: Visitor) -> None:
    page = await visitor.open_desk()
    mids = page.locator(".card .mid")
    before = await mids.all_inner_texts()
    assert len(before) > 8
    await page.wait_for_function(
        "before => JSON.stringify([...document.querySelectorAll('.card .mid')].map(each => each.innerText)) !== before",
        arg=_json(before),
    )
    await expect(page.locator(".top .pulse.live")).to_have_text(ES.connected)


async def test_the_chart_is_drawn_and_redrawn_for_the_pair_that_is_chosen(visitor: Visitor) -> None:
    page = await visitor.open_desk()
    await expect(page.locator(".chart canvas")).to_be_visible()
    await page.locator(".card", has_text="BTC/COP").click()
    await expect(page.locator(".focus h1")).to_have_text("BTC/COP")
    await expect(page.locator(".card.chosen")).to_contain_text("BTC/COP")
    live = page.get_by_role("button", name=ES.interval_live, exact=True)
    await live.click()
    await expect(live).to_have_attribute("aria-pressed", "true")
    await page.wait_for_function(
        """() => {
            const canvas = document.querySelector(".chart canvas");
            const seen = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            return seen.some((value, index) => index % 4 === 3 && value > 0);
        }"""
    )


async def test_a_trade_made_through_the_api_appears_and_the_books_stay_balanced(
    visitor: Visitor, admin: Caller
) -> None:
    page = await visitor.open_desk()
    await expect(page.locator(".balance")).to_contain_text(ES.balanced)
    ana = await rich_customer(admin, "appears")
    order = {"pair": "USDT/COP", "side": "buy", "amount": "123.45", "amount_asset": "USDT"}
    quote = good(await ana.post("/quotes", order), 201)
    await expect(page.locator(f'.quotes [data-key="{quote["id"]}"]')).to_contain_text(ES.quote_open)
    trade = good(await ana.post("/trades", {"quote_id": quote["id"]}), 201)
    row = page.locator(f'.trades [data-key="{trade["id"]}"]')
    await expect(row).to_contain_text("USDT/COP")
    await expect(row).to_contain_text("123,45")
    await expect(page.locator(f'.quotes [data-key="{quote["id"]}"]')).to_contain_text(ES.quote_taken)
    await expect(page.locator(".figure").first.locator("p")).not_to_have_text("0")
    await expect(page.locator(".balance.yes")).to_contain_text(ES.balanced)
    await expect(page.locator(".totals .no")).to_have_count(0)


async def test_the_desk_changes_its_language_and_the_way_it_writes_numbers(visitor: Visitor) -> None:
    page = await visitor.open_desk()
    await _shows(page, ES)
    assert "," in await page.locator(".card .mid").first.inner_text()
    await page.get_by_role("button", name="EN", exact=True).click()
    await _shows(page, EN)
    await expect(page.locator(".desk")).to_have_attribute("lang", "en")
    await expect(page.locator(".focus .bps dd").first).to_contain_text(".")
    await page.reload()
    await _shows(page, EN)


async def test_the_desk_turns_light_and_stays_so(visitor: Visitor) -> None:
    page = await visitor.open_desk()
    await page.get_by_role("button", name=ES.theme).click()
    await expect(page.locator(".desk")).to_have_attribute("data-theme", "light")
    await page.reload()
    await expect(page.locator(".desk")).to_have_attribute("data-theme", "light")


async def test_a_revoked_key_is_shown_out_while_it_looks(visitor: Visitor, admin: Caller) -> None:
    key_id, key = await staff_key(admin, "auditor")
    page = await visitor.open_desk(key)
    await expect(page.locator(".role")).to_have_text(ES.role_auditor)
    good(await admin.send("DELETE", f"/api-keys/{key_id}"))
    await expect(page.get_by_role("alert")).to_have_text(ES.sign_in_ended)
    await expect(page.locator(".desk")).to_have_count(0)


async def test_signing_out_closes_the_desk(visitor: Visitor) -> None:
    page = await visitor.open_desk()
    await page.get_by_role("button", name=ES.sign_out).click()
    await expect(page.locator("#email")).to_be_visible()
    await page.goto(f"{visitor.house.url}/console/")
    await expect(page.locator("#email")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), ((1280, 800), (820, 1180), (390, 844)))
async def test_nothing_is_cut_off_at_the_side(visitor: Visitor, width: int, height: int) -> None:
    await visitor.page.set_viewport_size({"width": width, "height": height})
    page = await visitor.open_desk()
    await expect(page.locator(".chart canvas")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("figures", "prices", "focus", "trades", "quotes", "tills", "books", "venues"):
        box = await page.locator(f"section.{name}").bounding_box()
        assert box is not None, name
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= width, name


async def test_the_keyboard_keeps_its_place_while_prices_move(visitor: Visitor) -> None:
    page = await visitor.open_desk()
    await page.locator(".card").nth(2).focus()
    chosen = await page.evaluate("document.activeElement.dataset.value")
    before = await page.locator(".top time").first.inner_text()
    await expect(page.locator(".top time").first).not_to_have_text(before)
    assert await page.evaluate("document.activeElement.dataset.value") == chosen
    await page.keyboard.press("Enter")
    await expect(page.locator(".focus h1")).to_have_text(chosen)


async def _shows(page: Page, words: Texts) -> None:
    for name, title in (("prices", words.prices), ("tills", words.tills), ("trades", words.latest_trades)):
        await expect(page.locator(f"section.{name} h2")).to_have_text(title)


def _json(values: list[str]) -> str:
    return "[" + ",".join(f'"{value}"' for value in values) + "]"
