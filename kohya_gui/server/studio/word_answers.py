"""What the Data tab's routes answer of words: tags to complete what is typed, and the categories of tags."""

from __future__ import annotations

from collections import Counter

from kohya_gui.server.studio.asked import Asked, Finds, Found
from kohya_gui.server.studio.site_tags import SiteTags
from train_core.studio.captions import all_tags
from train_core.studio.listing import Listing
from train_core.studio.words.categories import ORDERS, Categories
from train_core.studio.words.completing import offers
from train_core.studio.words.own_categories import keep, of, own_categories

MOST_LETTERS = 100


class WordAnswers:
    """What the routes answer; everything that comes in may be anything. `listing` finds the dataset asked about."""

    def __init__(self, listing: Finds, site: SiteTags) -> None:
        self._listing = listing
        self._site = site
        self._counted: tuple[str, int, Counter[str]] | None = None  # of a dataset at a revision

    def categories_of_all(self) -> Categories:
        """The user's categories, with what the site's list says of tags."""
        there = self._site.get()
        own = own_categories()
        return own.categories(there.type_of) if there is not None else own.categories()

    def complete(self, asked: Asked, _language: str) -> Found:
        """Tags that begin with the letters, or have a word that does, each with its counts here and on the site."""
        letters = asked.get("letters")
        here = self._count(self._listing(asked))
        found = offers(letters[:MOST_LETTERS], here, self._site.get()) if isinstance(letters, str) else []
        categories = self.categories_of_all()
        return {"offers": [[*one, categories.of(one.tag)] for one in found]}

    def categories(self, _asked: Asked, _language: str) -> Found:
        """The order of categories, tags that were put into others, and the orders that there are."""
        own = own_categories()
        return {"order": own.order, "tags": own.tags, "orders": ORDERS}

    def put_categories(self, asked: Asked, language: str) -> Found:
        """Have another order, or other tags in categories."""
        keep(of({"order": asked.get("order"), "tags": asked.get("tags")}))
        return self.categories(asked, language)

    def _count(self, listing: Listing) -> Counter[str]:
        """How many pictures have each tag."""
        studio = listing.studio
        key = (studio.dataset.id, studio.revision)
        if self._counted is None or self._counted[:2] != key:
            captions = [facts.caption for facts in list(studio.facts.values())]
            self._counted = (*key, Counter(tag for text in captions for tag in set(all_tags(text))))
        return self._counted[2]
